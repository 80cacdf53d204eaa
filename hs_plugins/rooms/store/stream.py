"""Rows of the `events` stream, out of the tables."""

from collections.abc import Collection
from typing import Any

from hs_core.db import Transaction
from hs_core.matrix.canonical_json import decode_json, encode_json
from hs_core.matrix.identifiers import EventId, RoomId, UserId
from hs_plugins.rooms.rows import EventRow, event_row
from hs_plugins.rooms.store.each_room import for_each_room
from hs_plugins.rooms.store.events import parse_stored

_ROWS = """
    SELECT e.position, e.event_id, r.version, e.json, e.state_before, e.state_after, e.room_state, e.replaces,
           previous.json, e.device_id, e.txn_id, e.redacted_by
    FROM events e
    JOIN rooms r ON r.room_id = e.room_id
    LEFT JOIN events previous ON previous.event_id = e.replaces
"""
_IN_STREAM = f"{_ROWS} WHERE e.position > ? AND e.position <= ? ORDER BY e.position LIMIT ?"
_BY_ID = f"{_ROWS} WHERE e.event_id = ANY(?)"

_RECENT = """
    SELECT room_id, position, event_id FROM events
    WHERE room_id = {room} AND position > ? AND position <= ? ORDER BY position DESC LIMIT ?
"""

_OWN_MEMBERSHIPS = """
    SELECT room_id, position, event_id FROM events
    WHERE room_id = ANY(?) AND state_key = ? AND type = 'm.room.member' AND position > ? AND position <= ?
    ORDER BY position
"""


def load_rows(tx: Transaction, after: int, up_to: int, limit: int) -> list[tuple[int, EventRow]]:
    """Rows of the `events` stream, for followers that missed them."""
    return [(row[0], _row(row)) for row in tx.all(_IN_STREAM, (after, up_to, limit))]


def rows_by_id(tx: Transaction, event_ids: Collection[EventId]) -> dict[EventId, EventRow]:
    """The rows of these events, be they in the timeline or not."""
    return {row[1]: _row(row) for row in tx.all(_BY_ID, (list(event_ids),))}


def recent_ids(
    tx: Transaction, room_ids: Collection[RoomId], after: int, up_to: int, limit: int
) -> list[tuple[RoomId, int, EventId]]:
    """The newest `limit` events of each room with `after < position <= up_to`, the oldest first."""
    rows = for_each_room(tx, room_ids, _RECENT, (after, up_to, limit))
    return [(row[0], row[1], row[2]) for row in sorted(rows, key=lambda row: int(row[1]))]


def own_membership_ids(
    tx: Transaction, user_id: UserId, room_ids: Collection[RoomId], after: int, up_to: int
) -> list[tuple[RoomId, int, EventId]]:
    """The user's own member events in these rooms, the oldest first."""
    rows = tx.all(_OWN_MEMBERSHIPS, (list(room_ids), user_id, after, up_to))
    return [(row[0], row[1], row[2]) for row in rows]


def _row(columns: tuple[Any, ...]) -> EventRow:
    _, event_id, version, json, before, after, room_state, replaces, previous, device_id, txn_id, redacted_by = columns
    return event_row(
        parse_stored(event_id, version, json),
        state_before=before or b"",
        state_after=after or b"",
        room_state=room_state or after or b"",
        replaces=replaces,
        prev_content=None if previous is None else encode_json(decode_json(previous, strict=False)["content"]),
        device_id=device_id,
        txn_id=txn_id,
        redacted_by=redacted_by,
    )
