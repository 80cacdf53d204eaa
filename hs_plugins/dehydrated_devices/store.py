"""Every SQL statement of the table `dehydrated_devices`."""

from __future__ import annotations

from collections.abc import Collection

from hs_core.db import Transaction
from hs_core.matrix.identifiers import DeviceId, UserId

_CURRENT = "SELECT device_id, device_data FROM dehydrated_devices WHERE user_id = ? AND state = 'current'"
_KNOWN = "SELECT 1 FROM dehydrated_devices WHERE user_id = ? AND device_id = ?"
_PUT = """
    INSERT INTO dehydrated_devices (user_id, device_id, device_data, state) VALUES (?, ?, ?, 'coming')
    ON CONFLICT (user_id, device_id) DO UPDATE SET device_data = excluded.device_data,
        state = CASE dehydrated_devices.state WHEN 'current' THEN 'current' ELSE 'coming' END
"""
_LOCK = "SELECT device_id, state FROM dehydrated_devices WHERE user_id = ? ORDER BY device_id FOR UPDATE"
_CHOOSE = """
    UPDATE dehydrated_devices SET state = CASE device_id WHEN ? THEN 'current' ELSE 'going' END WHERE user_id = ?
"""
_FORGET = "DELETE FROM dehydrated_devices WHERE user_id = ? AND device_id = ANY(?)"
_ERASE = "DELETE FROM dehydrated_devices WHERE user_id = ?"


def current(tx: Transaction, user: UserId) -> tuple[DeviceId, bytes] | None:
    """The user's dehydrated device, with its data."""
    row = tx.one(_CURRENT, (user,))
    return None if row is None else (row[0], bytes(row[1]))


def begin(tx: Transaction, user: UserId, device: DeviceId, data: bytes) -> bool:
    """Note a device that is to become the current one; whether it was noted before."""
    known = tx.one(_KNOWN, (user, device)) is not None
    tx.run(_PUT, (user, device, data))
    return known


def choose(tx: Transaction, user: UserId, device: DeviceId) -> list[DeviceId] | None:
    """Make a noted device the current one, and return the others, which are to be deleted; `None` if that is what it
    is itself.
    """
    noted: dict[DeviceId, str] = dict(tx.all(_LOCK, (user,)))
    if noted.get(device, "going") == "going":
        return None
    tx.run(_CHOOSE, (device, user))
    return [each for each in noted if each != device]


def forget(tx: Transaction, user: UserId, devices: Collection[DeviceId]) -> None:
    """These devices are gone."""
    tx.run(_FORGET, (user, list(devices)))


def erase(tx: Transaction, user: UserId) -> None:
    """Everything of a user who is no more."""
    tx.run(_ERASE, (user,))
