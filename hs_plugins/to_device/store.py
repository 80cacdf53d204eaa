"""Every SQL statement of the to-device plugin's tables."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from hs_core.db import Transaction
from hs_core.matrix.identifiers import DeviceId, UserId
from hs_plugins.to_device.rows import ToDeviceRow

Place = tuple[UserId, DeviceId]
"""One device of one user."""
Placed = tuple[int, ToDeviceRow]

_COLUMNS = "position, user_id, device_id, sender, type, content"
_ROWS = f"SELECT {_COLUMNS} FROM to_device_messages WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"
_WAITING = f"""
    SELECT {_COLUMNS} FROM to_device_messages
    WHERE user_id = ? AND device_id = ? AND position > ? AND position <= ? ORDER BY position LIMIT ?
"""
_ANY = "SELECT 1 FROM to_device_messages WHERE user_id = ? AND device_id = ? AND position <= ? LIMIT 1"
_FORGET = "DELETE FROM to_device_messages WHERE user_id = ? AND device_id = ? AND position <= ?"
_FORGET_WEIGHT = "DELETE FROM to_device_messages WHERE user_id = ? AND device_id = ? AND ends <= ?"
_FORGET_QUEUE = "DELETE FROM to_device_queues WHERE user_id = ? AND device_id = ?"
_FORGET_ALL = "DELETE FROM to_device_messages WHERE user_id = ? AND device_id = ?"
_QUEUES = """
    SELECT user_id, device_id, ends, (
        SELECT oldest.ends FROM to_device_messages oldest
        WHERE oldest.user_id = q.user_id AND oldest.device_id = q.device_id ORDER BY oldest.position LIMIT 1
    )
    FROM to_device_queues q WHERE user_id = ANY(?)
"""
_PUT_QUEUE = """
    INSERT INTO to_device_queues (user_id, device_id, ends) VALUES (?, ?, ?)
    ON CONFLICT (user_id, device_id) DO UPDATE SET ends = excluded.ends
"""
_MESSAGE = ("user_id", "device_id", "position", "sender", "type", "content", "ends")
_TRANSACTION = """
    INSERT INTO to_device_transactions (user_id, transaction_hash, received_ts) VALUES (?, ?, ?)
    ON CONFLICT (user_id, transaction_hash) DO NOTHING
"""
_OLD_TRANSACTIONS = "DELETE FROM to_device_transactions WHERE received_ts < ?"


class Queue(NamedTuple):
    """What waits for a device, by weight."""

    ends: int = 0
    """Of the newest message."""
    begins: int | None = None
    """Where the oldest ends; `None` if nothing waits."""


def load_rows(tx: Transaction, after: int, up_to: int, limit: int) -> list[Placed]:
    """Rows of the stream, for followers that missed them; what has been fetched is gone."""
    return [_placed(row) for row in tx.all(_ROWS, (after, up_to, limit))]


def waiting(tx: Transaction, place: Place, after: int, up_to: int, limit: int) -> list[Placed]:
    """What waits for a device in a part of the stream, the oldest first."""
    return [_placed(row) for row in tx.all(_WAITING, (*place, after, up_to, limit))]


def any_until(tx: Transaction, place: Place, position: int) -> bool:
    """Whether something waits that is not after a position."""
    return tx.value(_ANY, (*place, position)) is not None


def forget_until(tx: Transaction, place: Place, position: int) -> None:
    """The device has everything up to a position."""
    tx.run(_FORGET, (*place, position))


def forget_weight(tx: Transaction, place: Place, ends: int) -> None:
    """Drop the oldest messages, up to a weight."""
    tx.run(_FORGET_WEIGHT, (*place, ends))


def forget_device(tx: Transaction, place: Place) -> None:
    """Drop all that waits for a device."""
    tx.run(_FORGET_ALL, place)
    tx.run(_FORGET_QUEUE, place)


def queues(tx: Transaction, users: Collection[UserId]) -> dict[Place, Queue]:
    """The queues of some users' devices."""
    return {(user, device): Queue(ends, begins) for user, device, ends, begins in tx.all(_QUEUES, (list(users),))}


def put_queues(tx: Transaction, ends: Iterable[tuple[Place, int]]) -> None:
    """Where queues end now."""
    tx.run_many(_PUT_QUEUE, [(*place, end) for place, end in sorted(ends)])


def add(tx: Transaction, first: int, rows: Sequence[ToDeviceRow], ends: Sequence[int]) -> None:
    """Messages at positions from `first` on, each with the weight at which it ends."""
    values = [
        (row.user_id, row.device_id, position, row.sender, row.type, row.content, end)
        for position, (row, end) in enumerate(zip(rows, ends, strict=True), first)
    ]
    tx.insert_many("to_device_messages", _MESSAGE, values)


def is_new(tx: Transaction, user: UserId, transaction: bytes, now: int) -> bool:
    """Whether this transaction has not brought the user anything before."""
    return tx.run(_TRANSACTION, (user, transaction, now)) > 0


def forget_transactions(tx: Transaction, before: int) -> None:
    """Those received before a time."""
    tx.run(_OLD_TRANSACTIONS, (before,))


def _placed(columns: Sequence[Any]) -> Placed:
    position, user, device, sender, type_, content = columns
    return position, ToDeviceRow(user, device, sender, type_, bytes(content))
