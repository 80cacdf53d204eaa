"""Identity keys: of devices, for cross-signing, and the signatures of both."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from hs_core.db import Transaction
from hs_core.matrix.identifiers import DeviceId, UserId

_DEVICE = "SELECT keys FROM device_keys WHERE user_id = ? AND device_id = ?"
_DEVICES = "SELECT user_id, device_id, keys FROM device_keys WHERE user_id = ANY(?) ORDER BY user_id, device_id"
_PUT_DEVICE = """
    INSERT INTO device_keys (user_id, device_id, keys) VALUES (?, ?, ?)
    ON CONFLICT (user_id, device_id) DO UPDATE SET keys = excluded.keys
"""
_FORGET_DEVICES = "DELETE FROM device_keys WHERE user_id = ? AND device_id = ANY(?)"
_CROSS = "SELECT user_id, usage, key FROM cross_signing_keys WHERE user_id = ANY(?)"
_PUT_CROSS = """
    INSERT INTO cross_signing_keys (user_id, usage, key) VALUES (?, ?, ?)
    ON CONFLICT (user_id, usage) DO UPDATE SET key = excluded.key
"""
_FORGET_CROSS = "DELETE FROM cross_signing_keys WHERE user_id = ? AND usage = ANY(?)"
_SIGNATURES = """
    SELECT user_id, target, signer, key_id, signature FROM key_signatures
    WHERE user_id = ANY(?) AND (signer = user_id OR signer = ?)
"""
_PUT_SIGNATURE = """
    INSERT INTO key_signatures (user_id, target, signer, key_id, signature) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (user_id, target, signer, key_id) DO UPDATE SET signature = excluded.signature
"""
_FORGET_SIGNATURES = "DELETE FROM key_signatures WHERE user_id = ? AND target = ANY(?)"

ByTarget = dict[tuple[UserId, str], dict[str, dict[str, str]]]
"""Signatures, as they are written in objects, by user and target."""


def device(tx: Transaction, user: UserId, device_id: DeviceId) -> bytes | None:
    """The identity keys of a device."""
    found = tx.value(_DEVICE, (user, device_id))
    return None if found is None else bytes(found)


def devices(tx: Transaction, users: Collection[UserId]) -> dict[UserId, dict[DeviceId, bytes]]:
    """Those of some users' devices."""
    found: dict[UserId, dict[DeviceId, bytes]] = {}
    for user, device_id, keys in tx.all(_DEVICES, (list(users),)):
        found.setdefault(user, {})[device_id] = bytes(keys)
    return found


def put_device(tx: Transaction, user: UserId, device_id: DeviceId, keys: bytes) -> None:
    """New keys are not those that others have signed."""
    tx.run(_PUT_DEVICE, (user, device_id, keys))
    tx.run(_FORGET_SIGNATURES, (user, [device_id]))


def forget_devices(tx: Transaction, user: UserId, device_ids: Collection[DeviceId]) -> None:
    """These devices are gone."""
    tx.run(_FORGET_DEVICES, (user, list(device_ids)))
    tx.run(_FORGET_SIGNATURES, (user, list(device_ids)))


def cross_signing(tx: Transaction, users: Collection[UserId]) -> dict[UserId, dict[str, bytes]]:
    """Cross-signing keys by user and usage."""
    found: dict[UserId, dict[str, bytes]] = {}
    for user, usage, key in tx.all(_CROSS, (list(users),)):
        found.setdefault(user, {})[usage] = bytes(key)
    return found


def put_cross_signing(tx: Transaction, user: UserId, keys: Iterable[tuple[str, bytes]]) -> None:
    """Instead of those of the same usage."""
    tx.run_many(_PUT_CROSS, [(user, usage, key) for usage, key in keys])


def forget_cross_signing(tx: Transaction, user: UserId, usages: Collection[str]) -> None:
    """Those are not the user's any more."""
    tx.run(_FORGET_CROSS, (user, list(usages)))


def signatures(tx: Transaction, users: Collection[UserId], reader: UserId) -> ByTarget:
    """The signatures of the users' keys that the reader may see: those by the users themselves, and the reader's."""
    found: ByTarget = {}
    for user, target, signer, key_id, signature in tx.all(_SIGNATURES, (list(users), reader)):
        found.setdefault((user, target), {}).setdefault(signer, {})[key_id] = signature
    return found


def put_signatures(tx: Transaction, rows: Iterable[tuple[str, str, str, str, str]]) -> None:
    """User, target, signer, key ID, signature."""
    tx.run_many(_PUT_SIGNATURE, list(rows))
