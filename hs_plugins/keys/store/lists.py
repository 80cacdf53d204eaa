"""Whose keys have changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from hs_core.db import Transaction
from hs_core.matrix.identifiers import RoomId, UserId
from hs_plugins.keys.rows import DeviceListRow

Placed = tuple[int, DeviceListRow]

_ROWS = """
    SELECT position, user_id, told, rooms FROM device_list_changes
    WHERE position > ? AND position <= ? ORDER BY position LIMIT ?
"""
_PUT = """
    INSERT INTO device_list_changes (user_id, told, position, rooms) VALUES (?, ?, ?, ?)
    ON CONFLICT (user_id, told) DO UPDATE SET position = excluded.position, rooms = excluded.rooms
"""
_FOLLOWED = "SELECT position FROM followed_accounts WHERE id = 1"
_FOLLOW = """
    INSERT INTO followed_accounts (id, position) VALUES (1, ?)
    ON CONFLICT (id) DO UPDATE SET position = excluded.position WHERE excluded.position > followed_accounts.position
"""


def load_lists(tx: Transaction, after: int, up_to: int, limit: int) -> list[Placed]:
    """Rows of the stream `device_lists`, for followers that missed them."""
    return [_placed(row) for row in tx.all(_ROWS, (after, up_to, limit))]


def put(tx: Transaction, first: int, rows: Sequence[DeviceListRow]) -> None:
    """Rows at positions from `first` on, instead of older ones."""
    tx.run_many(
        _PUT,
        [
            (row.user_id, row.told or "", position, orjson.dumps(row.rooms).decode())
            for position, row in enumerate(rows, first)
        ],
    )


def followed(tx: Transaction) -> int:
    """How far the changes of accounts have been taken in."""
    return int(tx.value(_FOLLOWED) or 0)


def follow(tx: Transaction, position: int) -> None:
    """They have been taken in up to a position."""
    tx.run(_FOLLOW, (position,))


def _placed(columns: Sequence[Any]) -> Placed:
    position, user, told, rooms = columns
    return position, DeviceListRow(
        user, tuple(RoomId(room) for room in orjson.loads(rooms)), UserId(told) if told else None
    )
