"""Every SQL statement of the notifications plugin's tables."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from hs_core.db import Transaction
from hs_core.matrix.identifiers import EventId, RoomId, UserId
from hs_plugins.notifications.entries import Chunk, Entry, chunk, decode_entries, without
from hs_plugins.notifications.rows import NotificationRow, NotifiedEvent, Told

_EVENTS = """
    SELECT position, ts, event_position, room_id, event_id, thread_id FROM notified_events
    WHERE position > ? AND position <= ? ORDER BY position, event_position
"""
_LIMIT = "SELECT DISTINCT position FROM notified_events WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"
_READ = """
    SELECT position, user_id, ts FROM notifications_read
    WHERE position > ? AND position <= ? ORDER BY position LIMIT ?
"""
_SET_READ = """
    ON CONFLICT (user_id) DO UPDATE SET position = excluded.position, ts = excluded.ts
"""
_READ_COLUMNS = ("user_id", "position", "ts")
_CHUNKS = "SELECT position, user_id, entries FROM notifications WHERE position > ? AND position <= ?"
_EVENT_COLUMNS = ("position", "event_position", "room_id", "event_id", "thread_id", "ts")
_CHUNK_COLUMNS = ("user_id", "position", "first", "last", "highlights", "entries")

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
_CLEAR = "DELETE FROM unread_counts WHERE (user_id, room_id, thread_id) IN (VALUES {threads}) RETURNING user_id"
_AT_ONCE: Final = (50, 10, 1)
"""Threads, or rooms, that one statement clears."""
_CLEAR_ROOMS = "DELETE FROM unread_counts WHERE (user_id, room_id) IN (VALUES {rooms}) RETURNING user_id"
_OF_USER = """
    SELECT position, entries FROM notifications
    WHERE user_id = ? AND last > ? AND first <= ? AND position > ? ORDER BY position LIMIT ?
"""

_REMOVED = "SELECT position, event_position FROM notified_events WHERE event_position = ANY(?)"
_CHUNKS_WITH = """
    SELECT user_id, entries FROM notifications WHERE position = ? AND first <= ? AND last >= ?
"""
_REPLACE = """
    UPDATE notifications SET first = ?, last = ?, highlights = ?, entries = ? WHERE user_id = ? AND position = ?
"""
_REMOVE = "DELETE FROM notifications WHERE user_id = ? AND position = ?"
_SUBTRACT = """
    UPDATE unread_counts SET notifications = notifications - 1, highlights = highlights - ?
    WHERE user_id = ? AND room_id = ? AND thread_id = ? AND first_position <= ? AND last_position >= ?
"""
_CLEAR_EMPTY = """
    DELETE FROM unread_counts WHERE user_id = ? AND room_id = ? AND thread_id = ? AND notifications <= 0
"""

_PAGE = """
    SELECT position, entries FROM notifications
    WHERE user_id = ? AND first < ? AND position < ? {only} ORDER BY position DESC LIMIT ?
"""
_ANY = _PAGE.format(only="")
_HIGHLIGHTS = _PAGE.format(only="AND highlights > 0")
_WHICH = "SELECT event_position, event_id, ts FROM notified_events WHERE event_position = ANY(?)"

_BADGE = "SELECT COALESCE(SUM(notifications), 0), COUNT(DISTINCT room_id) FROM unread_counts WHERE user_id = ?"

_BADGES = "SELECT user_id, SUM(notifications) FROM unread_counts WHERE user_id = ANY(?) GROUP BY user_id"
_WITH_NEWS = """
    WITH asked (user_id, position) AS (VALUES {users})
    SELECT user_id FROM asked WHERE EXISTS (
        SELECT 1 FROM notifications WHERE notifications.user_id = asked.user_id
        AND notifications.position > asked.position
    )
"""
_FOLLOWING = "SELECT position, entries FROM notifications WHERE user_id = ? AND position > ? ORDER BY position LIMIT ?"

_OLDEST = "SELECT position, ts FROM notified_events ORDER BY position LIMIT ?"
_FORGET = "DELETE FROM notifications WHERE position = ANY(?)"
_FORGET_EVENTS = "DELETE FROM notified_events WHERE position = ANY(?)"
_ERASE = "DELETE FROM notifications WHERE user_id = ?"
_ERASE_READ = "DELETE FROM notifications_read WHERE user_id = ?"
_ERASE_COUNTS = "DELETE FROM unread_counts WHERE user_id = ?"

MAX_TOLD: Final = 5_000
"""Users and events of one row of the stream, roughly."""
_CHUNKS_AT_ONCE: Final = 200
_CHUNKS_OF_PAGE: Final = 10
_LATEST: Final = 2**63 - 1


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


class Since(NamedTuple):
    """A place among the notifications of a user, which come in the order of the stream `notifications`."""

    position: int
    """In that stream."""
    event_position: int = 2**63 - 1
    """In the stream of room events: only up to there, of what is at that position."""


class Notification(msgspec.Struct, frozen=True):
    """An event that a user is, or was, to be notified of."""

    place: Since
    """Just after it."""
    room_id: RoomId
    event_id: EventId
    actions: str
    """The actions of the rule that decided, as a JSON list."""
    highlight: bool
    ts: int
    """When that was decided, in milliseconds since the epoch."""
    read: bool


class Badge(NamedTuple):
    """What a user has not read, all rooms together."""

    notifications: int
    rooms: int
    """In how many rooms they are."""


class News(msgspec.Struct, frozen=True):
    """What a user is to be told."""

    badge: Badge
    events: list[Notification]


class Listed(NamedTuple):
    """A line of `GET /notifications`."""

    event_position: int
    actions: str
    room_id: RoomId
    event_id: EventId
    ts: int
    read: bool


class Written(NamedTuple):
    """A row of the stream, and what is stored of it for each user."""

    row: NotificationRow
    chunks: list[Chunk]


def load_rows(tx: Transaction, after: int, up_to: int, limit: int) -> list[tuple[int, NotificationRow]]:
    """Rows of the stream, for followers that missed them."""
    notified = [position for (position,) in tx.all(_LIMIT, (after, up_to, limit))]
    read: dict[tuple[int, int], list[UserId]] = {}
    for at, user, ts in tx.all(_READ, (after, up_to, MAX_TOLD * limit)):
        read.setdefault((at, ts), []).append(user)
    positions = sorted({*notified, *(at for at, _ in read)})[:limit]
    if not positions:
        return []
    rows = _notifying_rows(tx, after, positions[-1])
    rows += [(at, NotificationRow(ts, (), tuple(users))) for (at, ts), users in read.items() if at <= positions[-1]]
    return sorted(rows, key=lambda placed: placed[0])


def _notifying_rows(tx: Transaction, after: int, up_to: int) -> list[tuple[int, NotificationRow]]:
    told: dict[tuple[int, int], dict[tuple[str, bool], list[UserId]]] = {}
    for at, user, entries in tx.all(_CHUNKS, (after, up_to)):
        for thread in decode_entries(entries):
            for entry in thread.entries:
                groups = told.setdefault((at, entry.position), {})
                groups.setdefault((entry.actions, entry.highlight), []).append(user)
    events: dict[tuple[int, int], list[NotifiedEvent]] = {}
    for at, ts, position, room_id, event_id, thread_id in tx.all(_EVENTS, (after, up_to)):
        each = tuple(Told(*key, tuple(users)) for key, users in told.get((at, position), {}).items())
        events.setdefault((at, ts), []).append(NotifiedEvent(position, room_id, event_id, thread_id, each))
    return [(at, NotificationRow(ts, tuple(found))) for (at, ts), found in events.items()]


def put(tx: Transaction, first: int, written: Sequence[Written]) -> None:
    """Write rows of the stream at these positions and the following."""
    placed = list(enumerate(written, first))
    tx.insert_many(
        "notified_events",
        _EVENT_COLUMNS,
        [
            (at, event.position, event.room_id, event.event_id, event.thread_id, each.row.ts)
            for at, each in placed
            for event in each.row.events
        ],
    )
    tx.insert_many(
        "notifications",
        _CHUNK_COLUMNS,
        [
            (one.user_id, at, one.first, one.last, one.highlights, one.entries)
            for at, each in placed
            for one in each.chunks
        ],
    )


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


def put_read(tx: Transaction, first: int, rows: Sequence[NotificationRow]) -> None:
    """Write rows that say who has less to read at these positions and the following."""
    placed = [(user, at, row.ts) for at, row in enumerate(rows, first) for user in row.read]
    tx.insert_many("notifications_read", _READ_COLUMNS, placed, _SET_READ)


def clear(tx: Transaction, threads: Collection[Thread]) -> set[UserId]:
    """These have been read; whose were not before."""
    return _clear_all(tx, _clear, list(threads))


def clear_rooms(tx: Transaction, rooms: Collection[tuple[UserId, RoomId]]) -> set[UserId]:
    """All threads of these have been read; whose were not before."""
    return _clear_all(tx, _clear_rooms, list(rooms))


def _clear_all(tx: Transaction, sql: Callable[[int], str], left: list[Any]) -> set[UserId]:
    users: set[UserId] = set()
    for count in _AT_ONCE:
        while len(left) >= count:
            users.update(user for (user,) in tx.all(sql(count), [part for each in left[:count] for part in each]))
            del left[:count]
    return users


def recount(tx: Transaction, thread: Thread, after: int, up_to: int) -> Count:
    """What a user was notified of in a part of a thread."""
    user, room, thread_id = thread
    found: list[Entry] = []
    at = 0
    while chunks := tx.all(_OF_USER, (user, after, up_to, at, _CHUNKS_AT_ONCE)):
        at = chunks[-1][0]
        for _, entries in chunks:
            for each in decode_entries(entries):
                if (each.room_id, each.thread_id) == (room, thread_id):
                    found += [entry for entry in each.entries if after < entry.position <= up_to]
    first = min((entry.position for entry in found), default=0)
    return Count(len(found), sum(entry.highlight for entry in found), first, up_to)


def remove(tx: Transaction, event_positions: Collection[int], wanted: Callable[[UserId], bool]) -> set[UserId]:
    """Events are no more, and none of these users is notified of them; what was counted is subtracted.

    Returns those of the users who had been notified.
    """
    users: set[UserId] = set()
    for at, event in tx.all(_REMOVED, (list(event_positions),)):
        for user, entries in tx.all(_CHUNKS_WITH, (at, event, event)):
            if wanted(user):
                users.add(user)
                _remove(tx, user, at, event, entries)
    return users


def _remove(tx: Transaction, user: UserId, at: int, event: int, entries: bytes) -> None:
    threads = decode_entries(entries)
    for each in threads:
        for entry in each.entries:
            if entry.position == event:
                thread = Thread(user, each.room_id, each.thread_id)
                tx.run(_SUBTRACT, (int(entry.highlight), *thread, event, event))
                tx.run(_CLEAR_EMPTY, thread)
    if left := without(threads, event):
        one = chunk(user, left)
        tx.run(_REPLACE, (one.first, one.last, one.highlights, one.entries, user, at))
    else:
        tx.run(_REMOVE, (user, at))


def page(tx: Transaction, user: UserId, before: int, limit: int, *, highlights: bool) -> list[Listed]:
    """What a user was notified of before a position of the stream of room events, the latest first."""
    found: list[tuple[Entry, RoomId, str]] = []
    at, sql = _LATEST, _HIGHLIGHTS if highlights else _ANY
    while len(found) < limit and (chunks := tx.all(sql, (user, before, at, _CHUNKS_OF_PAGE))):
        at = chunks[-1][0]
        found += [
            (entry, each.room_id, each.thread_id)
            for _, entries in chunks
            for each in decode_entries(entries)
            for entry in each.entries
            if entry.position < before and (entry.highlight or not highlights)
        ]
    found.sort(key=lambda one: one[0].position, reverse=True)
    del found[limit:]
    if not found:
        return []
    events = {at: (event, ts) for at, event, ts in tx.all(_WHICH, ([one[0].position for one in found],))}
    unread = stretches(tx, [user], list({room for _, room, _ in found}))
    return [
        Listed(entry.position, entry.actions, room, *events[entry.position], _is_read(entry, unread.get(thread)))
        for entry, room, thread_id in found
        if entry.position in events and (thread := Thread(user, room, thread_id))
    ]


def _is_read(entry: Entry, unread: tuple[int, int] | None) -> bool:
    return unread is None or entry.position < unread[0]


def badge(tx: Transaction, user: UserId) -> Badge:
    """What a user has not read, and in how many rooms that is."""
    row = tx.one(_BADGE, (user,)) or (0, 0)
    return Badge(int(row[0]), int(row[1]))


def badges(tx: Transaction, users: Collection[UserId]) -> dict[UserId, int]:
    """What each of the users has not read."""
    return {user: int(count) for user, count in tx.all(_BADGES, (list(users),))}


def with_news(tx: Transaction, since: Mapping[UserId, Since]) -> set[UserId]:
    """Who has been notified of something after their place; perhaps who is in the midst of what is there, too."""
    left = [(user, place.position - (place.event_position < _LATEST)) for user, place in since.items()]
    users: set[UserId] = set()
    for count in _AT_ONCE:
        while len(left) >= count:
            users.update(
                user for (user,) in tx.all(_with_news(count), [part for each in left[:count] for part in each])
            )
            del left[:count]
    return users


def news(tx: Transaction, user: UserId, since: Since, limit: int) -> News:
    """What a user has been notified of after a place, and what of that and of before is unread."""
    found: list[tuple[Since, Entry, RoomId, str]] = []
    at = since.position - 1
    while len(found) < limit and (chunks := tx.all(_FOLLOWING, (user, at, _CHUNKS_OF_PAGE))):
        at = chunks[-1][0]
        for position, entries in chunks:
            found += [
                (place, entry, each.room_id, each.thread_id)
                for each in decode_entries(entries)
                for entry in each.entries
                if (place := Since(position, entry.position)) > since
            ]
    found.sort(key=lambda one: one[0])
    del found[limit:]
    events = (
        {at: (event, ts) for at, event, ts in tx.all(_WHICH, ([one[1].position for one in found],))} if found else {}
    )
    unread = stretches(tx, [user], list({room for _, _, room, _ in found})) if found else {}
    return News(
        badge(tx, user),
        [
            Notification(
                place,
                room,
                events[entry.position][0],
                entry.actions,
                entry.highlight,
                events[entry.position][1],
                _is_read(entry, unread.get(Thread(user, room, thread_id))),
            )
            for place, entry, room, thread_id in found
            if entry.position in events
        ],
    )


def forget(tx: Transaction, before: int, limit: int) -> int:
    """Forget up to `limit` events of before a time, in milliseconds since the epoch; how many. Counts stay."""
    found = tx.all(_OLDEST, (limit,))
    old = list({position for position, ts in found if ts < before})
    tx.run(_FORGET, (old,))
    tx.run(_FORGET_EVENTS, (old,))
    return sum(ts < before for _, ts in found)


def erase(tx: Transaction, user: UserId) -> None:
    """Forget all about a user."""
    tx.run(_ERASE, (user,))
    tx.run(_ERASE_COUNTS, (user,))
    tx.run(_ERASE_READ, (user,))


@lru_cache
def _clear(count: int) -> str:
    return _CLEAR.format(threads=", ".join(["(?, ?, ?)"] * count))


@lru_cache
def _with_news(count: int) -> str:
    return _WITH_NEWS.format(users=", ".join(["(CAST(? AS TEXT), CAST(? AS BIGINT))"] * count))


@lru_cache
def _clear_rooms(count: int) -> str:
    return _CLEAR_ROOMS.format(rooms=", ".join(["(?, ?)"] * count))
