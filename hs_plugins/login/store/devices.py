"""Devices."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from hs_core.db import Transaction
from hs_core.matrix.identifiers import DeviceId, UserId
from hs_plugins.login.values import Device

_OF_USERS = """
    SELECT user_id, device_id, display_name, last_seen_ts, last_seen_ip FROM devices
    WHERE user_id = ANY(?) ORDER BY user_id, device_id
"""
_ONE = """
    SELECT device_id, display_name, last_seen_ts, last_seen_ip FROM devices WHERE user_id = ? AND device_id = ?
"""
_ADD = """
    INSERT INTO devices (user_id, device_id, display_name, created_ts) VALUES (?, ?, ?, ?)
    ON CONFLICT (user_id, device_id) DO NOTHING
"""
_RENAME = "UPDATE devices SET display_name = ? WHERE user_id = ? AND device_id = ?"
_DELETE = "DELETE FROM devices WHERE user_id = ? AND device_id = ANY(?) RETURNING device_id"
_IDS = "SELECT device_id FROM devices WHERE user_id = ? ORDER BY device_id"
_SEEN = """
    UPDATE devices SET last_seen_ts = ?, last_seen_ip = ?
    WHERE user_id = ? AND device_id = ? AND COALESCE(last_seen_ts, 0) < ?
"""


def of_users(tx: Transaction, users: Collection[UserId]) -> dict[UserId, list[Device]]:
    """By user, and then by ID. Who has none is left out."""
    found: dict[UserId, list[Device]] = {}
    for user, *columns in tx.all(_OF_USERS, (list(users),)):
        found.setdefault(user, []).append(Device(*columns))
    return found


def ids(tx: Transaction, user: UserId) -> list[DeviceId]:
    return [device for (device,) in tx.all(_IDS, (user,))]


def device(tx: Transaction, user: UserId, device_id: DeviceId) -> Device | None:
    row = tx.one(_ONE, (user, device_id))
    return None if row is None else Device(*row)


def add(tx: Transaction, user: UserId, device_id: DeviceId, display_name: str | None, now: int) -> bool:
    """False if there is one with that ID already."""
    return tx.run(_ADD, (user, device_id, display_name, now)) > 0


def rename(tx: Transaction, user: UserId, device_id: DeviceId, display_name: str) -> None:
    tx.run(_RENAME, (display_name, user, device_id))


def delete(tx: Transaction, user: UserId, device_ids: Collection[DeviceId]) -> set[DeviceId]:
    """Those that there were."""
    return {device_id for (device_id,) in tx.all(_DELETE, (user, list(device_ids)))}


def seen(tx: Transaction, sightings: Iterable[tuple[UserId, DeviceId, int, str]]) -> None:
    """Remember when and from where devices were last seen."""
    tx.run_many(_SEEN, [(when, address, user, device_id, when) for user, device_id, when, address in sightings])
