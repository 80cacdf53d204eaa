"""One-time keys, fallback keys, and what is left of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from hs_core.db import Transaction
from hs_core.matrix.identifiers import DeviceId, UserId
from hs_plugins.keys.rows import OneTimeKeysRow, Supply

Place = tuple[UserId, DeviceId]
Stored = tuple[str, str, bytes]
"""Algorithm, key ID, key."""

_ROWS = """
    SELECT position, user_id, device_id, supply FROM one_time_key_supplies
    WHERE position > ? AND position <= ? ORDER BY position LIMIT ?
"""
_SUPPLY = "SELECT position, supply FROM one_time_key_supplies WHERE user_id = ? AND device_id = ?"
_LOCK = """
    INSERT INTO one_time_key_supplies (user_id, device_id, position, supply) VALUES (?, ?, 0, ?)
    ON CONFLICT (user_id, device_id) DO UPDATE SET position = one_time_key_supplies.position RETURNING supply
"""
_PUT = "UPDATE one_time_key_supplies SET position = ?, supply = ? WHERE user_id = ? AND device_id = ?"
_WITH_IDS = """
    SELECT algorithm, key_id, key FROM one_time_keys WHERE user_id = ? AND device_id = ? AND key_id = ANY(?)
"""
_KEY = ("user_id", "device_id", "algorithm", "key_id", "key", "uploaded_ts")
_TAKE = """
    DELETE FROM one_time_keys WHERE user_id = ? AND device_id = ? AND algorithm = ? AND key_id = (
        SELECT key_id FROM one_time_keys WHERE user_id = ? AND device_id = ? AND algorithm = ?
        ORDER BY uploaded_ts, key_id LIMIT 1
    ) RETURNING algorithm, key_id, key
"""
_FALLBACK = "SELECT algorithm, key_id, key FROM fallback_keys WHERE user_id = ? AND device_id = ? AND algorithm = ?"
_PUT_FALLBACK = """
    INSERT INTO fallback_keys (user_id, device_id, algorithm, key_id, key) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (user_id, device_id, algorithm) DO UPDATE SET key_id = excluded.key_id, key = excluded.key
"""
_FORGET = [
    f"DELETE FROM {table} WHERE user_id = ? AND device_id = ?"
    for table in ("one_time_keys", "fallback_keys", "one_time_key_supplies")
]


def load_supplies(tx: Transaction, after: int, up_to: int, limit: int) -> list[tuple[int, OneTimeKeysRow]]:
    """Rows of the stream `one_time_keys`, for followers that missed them."""
    return [
        (position, OneTimeKeysRow(user, device, _supply(supply)))
        for position, user, device, supply in tx.all(_ROWS, (after, up_to, limit))
    ]


def supply(tx: Transaction, place: Place) -> tuple[int, Supply]:
    """What a device has left, and since which position."""
    row = tx.one(_SUPPLY, place)
    return (0, Supply()) if row is None else (row[0], _supply(row[1]))


def lock(tx: Transaction, place: Place) -> Supply:
    """What a device has left; nobody else changes that until the end of the transaction."""
    return _supply(tx.value(_LOCK, (*place, msgspec.json.encode(Supply()))))


def put(tx: Transaction, position: int, row: OneTimeKeysRow) -> None:
    """After `lock`."""
    tx.run(_PUT, (position, msgspec.json.encode(row.supply), row.user_id, row.device_id))


def with_ids(tx: Transaction, place: Place, key_ids: Collection[str]) -> dict[tuple[str, str], bytes]:
    """The unclaimed keys that have these IDs, by algorithm and ID."""
    return {(algorithm, key_id): bytes(key) for algorithm, key_id, key in tx.all(_WITH_IDS, (*place, list(key_ids)))}


def add(tx: Transaction, place: Place, keys: Sequence[Stored], now: int) -> None:
    """After `lock`."""
    tx.insert_many("one_time_keys", _KEY, [(*place, *key, now) for key in keys])


def take(tx: Transaction, place: Place, algorithm: str) -> Stored | None:
    """Remove the oldest key. After `lock`."""
    return _stored(tx.one(_TAKE, (*place, algorithm, *place, algorithm)))


def fallback(tx: Transaction, place: Place, algorithm: str) -> Stored | None:
    """The device's fallback key."""
    return _stored(tx.one(_FALLBACK, (*place, algorithm)))


def put_fallback(tx: Transaction, place: Place, key: Stored) -> None:
    """Instead of the one of the same algorithm. After `lock`."""
    tx.run(_PUT_FALLBACK, (*place, *key))


def forget(tx: Transaction, place: Place) -> None:
    """The device is gone."""
    for statement in _FORGET:
        tx.run(statement, place)


def _supply(written: Any) -> Supply:
    return msgspec.json.decode(bytes(written), type=Supply)


def _stored(row: Sequence[Any] | None) -> Stored | None:
    return None if row is None else (row[0], row[1], bytes(row[2]))
