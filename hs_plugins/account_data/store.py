"""Every SQL statement of the account data plugin's tables."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from hs_core.db import Transaction
from hs_core.matrix.identifiers import RoomId, UserId
from hs_plugins.account_data.rows import AccountDataRow

_COLUMNS = "position, user_id, room_id, type, content"
_ROWS = f"SELECT {_COLUMNS} FROM account_data WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"
_SINCE = f"SELECT {_COLUMNS} FROM account_data WHERE user_id = ? AND position > ? AND position <= ? ORDER BY position"
_IN_ROOMS = f"""
    SELECT {_COLUMNS} FROM account_data
    WHERE user_id = ? AND room_id = ANY(?) AND position <= ? ORDER BY position
"""
_CONTENT = "SELECT content FROM account_data WHERE user_id = ? AND room_id = ? AND type = ?"
_CONTENTS = "SELECT user_id, content FROM account_data WHERE user_id = ANY(?) AND room_id = ? AND type = ?"
_PUT = """
    INSERT INTO account_data (user_id, room_id, type, content, position) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (user_id, room_id, type) DO UPDATE SET content = excluded.content, position = excluded.position
"""
_TOTAL = """
    INSERT INTO account_data_totals (user_id, bytes) VALUES (?, 0)
    ON CONFLICT (user_id) DO UPDATE SET bytes = account_data_totals.bytes RETURNING bytes
"""
_SET_TOTAL = "UPDATE account_data_totals SET bytes = ? WHERE user_id = ?"
_ERASE = "DELETE FROM account_data WHERE user_id = ?"
_ERASE_TOTAL = "DELETE FROM account_data_totals WHERE user_id = ?"


class Place(NamedTuple):
    """Where one piece of account data is."""

    user_id: UserId
    room_id: RoomId | None
    type: str

    @property
    def key(self) -> tuple[str, str, str]:
        """As in the table."""
        return self.user_id, self.room_id or "", self.type


def load_rows(tx: Transaction, after: int, up_to: int, limit: int) -> list[tuple[int, AccountDataRow]]:
    """Rows of the stream, for followers that missed them."""
    return [_placed(*row) for row in tx.all(_ROWS, (after, up_to, limit))]


def since(tx: Transaction, user: UserId, after: int, up_to: int) -> list[AccountDataRow]:
    """What a user has set in a part of the stream, the oldest first."""
    return [_placed(*row)[1] for row in tx.all(_SINCE, (user, after, up_to))]


def in_rooms(tx: Transaction, user: UserId, rooms: Collection[RoomId], up_to: int) -> list[AccountDataRow]:
    """All that a user has set of some rooms."""
    return [_placed(*row)[1] for row in tx.all(_IN_ROOMS, (user, list(rooms), up_to))]


def content(tx: Transaction, place: Place) -> bytes | None:
    """A JSON object, if there ever was one."""
    found: bytes | None = tx.value(_CONTENT, place.key)
    return found


def contents(tx: Transaction, users: Collection[UserId], type_: str) -> dict[UserId, bytes]:
    """One type of account data of the accounts of many users, as far as they have it."""
    return {user: bytes(found) for user, found in tx.all(_CONTENTS, (list(users), "", type_))}


def put(tx: Transaction, row: AccountDataRow, position: int) -> None:
    """Instead of what was at the same place before."""
    place = Place(row.user_id, row.room_id, row.type)
    tx.run(_PUT, (*place.key, row.content, position))


def total_for_change(tx: Transaction, user: UserId) -> int:
    """The bytes that the user has; nobody else changes anything of theirs until the end of the transaction."""
    return int(tx.value(_TOTAL, (user,)) or 0)


def set_total(tx: Transaction, user: UserId, total: int) -> None:
    """After `total_for_change`."""
    tx.run(_SET_TOTAL, (total, user))


def erase(tx: Transaction, user: UserId) -> None:
    """Remove all that a user has set."""
    tx.run(_ERASE, (user,))
    tx.run(_ERASE_TOTAL, (user,))


def _placed(position: int, user: UserId, room: str, type_: str, data: bytes) -> tuple[int, AccountDataRow]:
    return position, AccountDataRow(user, RoomId(room) if room else None, type_, bytes(data))
