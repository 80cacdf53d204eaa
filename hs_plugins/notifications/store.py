"""Every SQL statement of the notifications plugin's tables."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from hs_core.db import Transaction
from hs_core.matrix.identifiers import EventId, RoomId, UserId
from hs_plugins.notifications.rows import NotificationRow, Told

_LOAD = """
    SELECT position, event_position, room_id, event_id, thread_id, ts FROM notified_events
    WHERE position > ? AND position <= ? ORDER BY position LIMIT ?
"""
_USERS = "SELECT position, actions, highlight, user_id FROM notifications WHERE position >= ? AND position <= ?"

_EVENT_COLUMNS = ("position", "event_position", "room_id", "event_id", "thread_id", "ts")
_USER_COLUMNS = ("position", "user_id", "event_position", "highlight", "actions")

_BEGIN = """
    INSERT INTO notification_progress (slot, events, receipts) VALUES (?, ?, ?) ON CONFLICT (slot) DO NOTHING
"""
_PROGRESS = "SELECT slot, events, receipts FROM notification_progress WHERE slot = ANY(?)"
_SET_PROGRESS = "UPDATE notification_progress SET events = ?, receipts = ? WHERE slot = ANY(?)"

_COUNTS = """
    SELECT room_id, thread_id, notifications, highlights, first_position, last_position
    FROM unread_counts WHERE user_id = ?
"""
_COUNTS_IN = """
    SELECT user_id, room_id, thread_id, first_position, last_position
    FROM unread_counts WHERE user_id = ANY(?) AND room_id = ANY(?)
"""
_COUNT_COLUMNS = (
    "user_id",
    "room_id",
    "thread_id",
    "notifications",
    "highlights",
    "first_position",
    "last_position",
)
_ADD = """
    ON CONFLICT (user_id, room_id, thread_id) DO UPDATE
    SET notifications = unread_counts.notifications + excluded.notifications,
        highlights = unread_counts.highlights + excluded.highlights,
        last_position = excluded.last_position
"""
_SET = """
    UPDATE unread_counts SET notifications = ?, highlights = ?, first_position = ?
    WHERE user_id = ? AND room_id = ? AND thread_id = ?
"""
_CLEAR = "DELETE FROM unread_counts WHERE (user_id, room_id, thread_id) IN (VALUES {threads})"
_AT_ONCE = (50, 10, 1)
"""Threads that one statement clears."""
_CLEAR_ROOM = "DELETE FROM unread_counts WHERE user_id = ? AND room_id = ?"
_RECOUNT = """
    SELECT COUNT(*), COALESCE(SUM(CASE WHEN n.highlight THEN 1 ELSE 0 END), 0), COALESCE(MIN(n.event_position), 0)
    FROM notifications n JOIN notified_events e ON e.position = n.position
    WHERE n.user_id = ? AND n.event_position > ? AND n.event_position <= ? AND e.room_id = ? AND e.thread_id = ?
"""

_REMOVED = """
    SELECT e.position, e.event_position, e.room_id, e.thread_id, n.user_id, n.highlight
    FROM notified_events e JOIN notifications n ON n.position = e.position WHERE e.event_position = ANY(?)
"""
_REMOVE = "DELETE FROM notifications WHERE position = ? AND user_id = ?"
_SUBTRACT = """
    UPDATE unread_counts SET notifications = notifications - 1, highlights = highlights - ?
    WHERE user_id = ? AND room_id = ? AND thread_id = ? AND first_position <= ? AND last_position >= ?
"""
_CLEAR_EMPTY = """
    DELETE FROM unread_counts WHERE user_id = ? AND room_id = ? AND thread_id = ? AND notifications <= 0
"""

_PAGE = """
    SELECT n.event_position, n.actions, e.room_id, e.event_id, e.thread_id, e.ts, c.first_position
    FROM notifications n JOIN notified_events e ON e.position = n.position
    LEFT JOIN unread_counts c ON c.user_id = n.user_id AND c.room_id = e.room_id AND c.thread_id = e.thread_id
    WHERE n.user_id = ? AND n.event_position < ? {only} ORDER BY n.event_position DESC LIMIT ?
"""
_ANY = _PAGE.format(only="")
_HIGHLIGHTS = _PAGE.format(only="AND n.highlight")

_BADGE = "SELECT COALESCE(SUM(notifications), 0), COUNT(DISTINCT room_id) FROM unread_counts WHERE user_id = ?"

_OLDEST = "SELECT position, ts FROM notified_events ORDER BY position LIMIT ?"
_FORGET = "DELETE FROM notifications WHERE position = ANY(?)"
_FORGET_EVENTS = "DELETE FROM notified_events WHERE position = ANY(?)"
_ERASE = "DELETE FROM notifications WHERE user_id = ?"
_ERASE_COUNTS = "DELETE FROM unread_counts WHERE user_id = ?"


class Progress(NamedTuple):
    """How far the tables have come in the streams of room events and of receipts."""

    events: int
    receipts: int


class Thread(NamedTuple):
    """One thread of a room, for one user."""

    user_id: UserId
    room_id: RoomId
    thread_id: str


class Count(NamedTuple):
    """Events that a user has not read."""

    notifications: int
    highlights: int
    first: int
    last: int


class Listed(NamedTuple):
    """A line of `GET /notifications`."""

    event_position: int
    actions: str
    room_id: RoomId
    event_id: EventId
    ts: int
    read: bool


def load_rows(tx: Transaction, after: int, up_to: int, limit: int) -> list[tuple[int, NotificationRow]]:
    """Rows of the stream, for followers that missed them."""
    events = tx.all(_LOAD, (after, up_to, limit))
    if not events:
        return []
    told: dict[int, dict[tuple[str, bool], list[UserId]]] = {}
    for position, actions, highlight, user in tx.all(_USERS, (events[0][0], events[-1][0])):
        told.setdefault(position, {}).setdefault((actions, highlight), []).append(user)
    rows = []
    for position, event_position, room_id, event_id, thread_id, ts in events:
        groups = tuple(Told(*key, tuple(users)) for key, users in told.get(position, {}).items())
        rows.append((position, NotificationRow(event_position, room_id, event_id, thread_id, ts, groups)))
    return rows


def put(tx: Transaction, first: int, rows: Sequence[NotificationRow]) -> None:
    """Write rows of the stream at these positions and the following."""
    placed = list(enumerate(rows, first))
    tx.insert_many(
        "notified_events",
        _EVENT_COLUMNS,
        [(at, row.event_position, row.room_id, row.event_id, row.thread_id, row.ts) for at, row in placed],
    )
    tx.insert_many(
        "notifications",
        _USER_COLUMNS,
        [
            (at, user, row.event_position, told.highlight, told.actions)
            for at, row in placed
            for told in row.told
            for user in told.users
        ],
    )


def begin(tx: Transaction, slots: Iterable[int], at: Progress) -> None:
    """Slots that have never been anywhere begin here."""
    tx.run_many(_BEGIN, [(slot, *at) for slot in slots])


def progress(tx: Transaction, slots: Collection[int]) -> dict[int, Progress]:
    """How far these slots have come."""
    return {slot: Progress(*at) for slot, *at in tx.all(_PROGRESS, (list(slots),))}


def set_progress(tx: Transaction, slots: Collection[int], at: Progress) -> None:
    """These slots have come so far."""
    tx.run(_SET_PROGRESS, (*at, list(slots)))


def counts_of(tx: Transaction, user: UserId) -> dict[Thread, Count]:
    """All that a user has not read."""
    return {Thread(user, room, thread): Count(*count) for room, thread, *count in tx.all(_COUNTS, (user,))}


def stretches(tx: Transaction, users: Collection[UserId], rooms: Collection[RoomId]) -> dict[Thread, tuple[int, int]]:
    """The positions of the first and the last event that any of the users has not read in any of the rooms."""
    found = tx.all(_COUNTS_IN, (list(users), list(rooms)))
    return {Thread(user, room, thread): (first, last) for user, room, thread, first, last in found}


def add(tx: Transaction, counts: Mapping[Thread, Count]) -> None:
    """Users have not read these either."""
    tx.insert_many("unread_counts", _COUNT_COLUMNS, [(*thread, *count) for thread, count in counts.items()], _ADD)


def set_count(tx: Transaction, thread: Thread, count: Count) -> None:
    """There are only so many now."""
    tx.run(_SET, (count.notifications, count.highlights, count.first, *thread))


def clear(tx: Transaction, threads: Collection[Thread]) -> None:
    """These have been read."""
    left = list(threads)
    for count in _AT_ONCE:
        statement = _clear(count)
        while len(left) >= count:
            tx.run(statement, [part for thread in left[:count] for part in thread])
            del left[:count]


def clear_rooms(tx: Transaction, rooms: Collection[tuple[UserId, RoomId]]) -> None:
    """All threads of these have been read."""
    tx.run_many(_CLEAR_ROOM, rooms)


def recount(tx: Transaction, thread: Thread, after: int, up_to: int) -> Count:
    """What a user was notified of in a part of a thread."""
    user, room, thread_id = thread
    notifications, highlights, first = tx.one(_RECOUNT, (user, after, up_to, room, thread_id)) or (0, 0, 0)
    return Count(notifications, highlights, first, up_to)


def remove(tx: Transaction, event_positions: Collection[int], wanted: Callable[[UserId], bool]) -> None:
    """Events are no more, and none of these users is notified of them; what was counted is subtracted."""
    found = [
        (at, event, Thread(user, room, thread), bool(highlight))
        for at, event, room, thread, user, highlight in tx.all(_REMOVED, (list(event_positions),))
        if wanted(user)
    ]
    tx.run_many(_REMOVE, [(at, thread.user_id) for at, _, thread, _ in found])
    tx.run_many(_SUBTRACT, [(int(highlight), *thread, event, event) for _, event, thread, highlight in found])
    tx.run_many(_CLEAR_EMPTY, [thread for _, _, thread, _ in found])


def page(tx: Transaction, user: UserId, before: int, limit: int, *, highlights: bool) -> list[Listed]:
    """What a user was notified of before a position of the stream of room events, the latest first."""
    rows = tx.all(_HIGHLIGHTS if highlights else _ANY, (user, before, limit))
    return [
        Listed(position, actions, room, event, ts, first is None or position < first)
        for position, actions, room, event, _, ts, first in rows
    ]


def badge(tx: Transaction, user: UserId) -> tuple[int, int]:
    """What a user has not read, and in how many rooms that is."""
    row = tx.one(_BADGE, (user,)) or (0, 0)
    return int(row[0]), int(row[1])


def forget(tx: Transaction, before: int, limit: int) -> int:
    """Forget up to `limit` events of before a time, in milliseconds since the epoch; how many. Counts stay."""
    old = [position for position, ts in tx.all(_OLDEST, (limit,)) if ts < before]
    tx.run(_FORGET, (old,))
    tx.run(_FORGET_EVENTS, (old,))
    return len(old)


@lru_cache
def _clear(count: int) -> str:
    return _CLEAR.format(threads=", ".join(["(?, ?, ?)"] * count))


def erase(tx: Transaction, user: UserId) -> None:
    """Forget all about a user."""
    tx.run(_ERASE, (user,))
    tx.run(_ERASE_COUNTS, (user,))
