"""Every SQL statement of the receipts plugin's tables."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from hs_core.db import Transaction
from hs_core.matrix.identifiers import RoomId, UserId
from hs_plugins.receipts.rows import READ_PRIVATE, ReceiptRow

_COLUMNS = "position, room_id, user_id, type, thread_id, event_id, event_position, ts"
_LOAD = f"SELECT {_COLUMNS} FROM receipts WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"
_REACHED = "SELECT event_position FROM receipts WHERE user_id = ? AND room_id = ? AND type = ? AND thread_id = ?"
_PUT = """
    INSERT INTO receipts (position, room_id, user_id, type, thread_id, event_id, event_position, ts)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (user_id, room_id, type, thread_id) DO UPDATE
    SET event_id = excluded.event_id, event_position = excluded.event_position, ts = excluded.ts,
        position = excluded.position
"""
_PUT_ROOM = "INSERT INTO receipt_rooms (room_id) VALUES (?) ON CONFLICT (room_id) DO NOTHING"

# For each room the position of the oldest receipt that is wanted, then the receipts from there on.
_NEWEST = f"""
    WITH bounds AS (
        SELECT r.room_id AS room, (
            SELECT MIN(newest.position) FROM (
                SELECT position FROM receipts
                WHERE room_id = r.room_id AND position > ? AND position <= ? ORDER BY position DESC LIMIT ?
            ) newest
        ) AS oldest
        FROM receipt_rooms r WHERE r.room_id = ANY(?)
    )
    SELECT {_COLUMNS} FROM bounds
    JOIN receipts ON room_id = room AND position >= oldest AND position <= ?
    WHERE type <> ? OR user_id = ?
    ORDER BY position
"""
_OF_USER = f"""
    SELECT {_COLUMNS} FROM receipts
    WHERE user_id = ? AND room_id = ANY(?) AND position > ? AND position <= ? ORDER BY position DESC LIMIT ?
"""

_MOVED = "SELECT DISTINCT room_id FROM receipts WHERE user_id = ? AND position > ? AND position <= ?"

Placed = tuple[int, ReceiptRow]


class Stretch(NamedTuple):
    """Rows with `after < position <= up_to`."""

    after: int = 0
    up_to: int = 2**63 - 1


def load_rows(tx: Transaction, after: int, up_to: int, limit: int) -> list[Placed]:
    """Rows of the stream, for followers that missed them."""
    return [_placed(columns) for columns in tx.all(_LOAD, (after, up_to, limit))]


def reached(tx: Transaction, row: ReceiptRow) -> int | None:
    """The position of the event that the stored receipt of the same user, room, type and thread is for."""
    position: int | None = tx.value(_REACHED, (row.user_id, row.room_id, row.type, row.thread_id or ""))
    return position


def put(tx: Transaction, first: int, rows: Sequence[ReceiptRow]) -> None:
    """Store receipts at these positions and the following, in the place of older ones."""
    tx.run_many(
        _PUT,
        [
            (at, row.room_id, row.user_id, row.type, row.thread_id or "", row.event_id, row.event_position, row.ts)
            for at, row in enumerate(rows, first)
        ],
    )


def put_rooms(tx: Transaction, room_ids: Collection[RoomId]) -> None:
    """These rooms have receipts."""
    tx.run_many(_PUT_ROOM, [(room_id,) for room_id in sorted(room_ids)])


def newest(
    tx: Transaction, user_id: UserId, room_ids: Collection[RoomId], stretch: Stretch, limit: int
) -> list[Placed]:
    """The newest `limit` receipts of each room, as far as the user may see them, in their order."""
    params = (*stretch, limit, list(room_ids), stretch.up_to, READ_PRIVATE, user_id)
    return [_placed(columns) for columns in tx.all(_NEWEST, params)]


def of_user(
    tx: Transaction, user_id: UserId, room_ids: Collection[RoomId], stretch: Stretch, limit: int
) -> list[Placed]:
    """The newest receipts of a user in these rooms, the newest first."""
    return [_placed(columns) for columns in tx.all(_OF_USER, (user_id, list(room_ids), *stretch, limit))]


def moved(tx: Transaction, user_id: UserId, stretch: Stretch) -> set[RoomId]:
    """The rooms of a user's receipts."""
    return {room_id for (room_id,) in tx.all(_MOVED, (user_id, *stretch))}


def _placed(columns: Sequence[Any]) -> Placed:
    position, room_id, user_id, type_, thread_id, event_id, event_position, ts = columns
    return position, ReceiptRow(room_id, user_id, type_, thread_id or None, event_id, event_position, ts)
