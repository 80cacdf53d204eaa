"""The door of the keys plugin: whose keys are which, claim some, hear of changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from hs_core.matrix.identifiers import DeviceId, UserId
from hs_core.plugin import By, Service, Stream
from hs_plugins.keys.checks import checked_device_keys, checked_uploaded_keys
from hs_plugins.keys.rows import DeviceListRow, OneTimeKeysRow, Supply
from hs_plugins.keys.store.lists import load_lists
from hs_plugins.keys.store.supplies import load_supplies
from hs_plugins.keys.values import Signature, UploadedKey

__all__ = [
    "DEVICE_KEYS",
    "DEVICE_LISTS",
    "ONE_TIME_KEYS",
    "ONE_TIME_KEY_SUPPLIES",
    "DeviceKeys",
    "DeviceListRow",
    "OneTimeKeys",
    "OneTimeKeysRow",
    "Signature",
    "Supply",
    "UploadedKey",
    "checked_device_keys",
    "checked_uploaded_keys",
]

DEVICE_LISTS = Stream("device_lists", DeviceListRow, load=load_lists, shard_by=By.USER, slots=64)
"""Whose keys have changed, and who is to know."""

ONE_TIME_KEY_SUPPLIES = Stream("one_time_keys", OneTimeKeysRow, load=load_supplies, shard_by=By.USER, slots=64)
"""What each device has left."""


class DeviceKeys(Protocol):
    """Identity keys. Calls run in the process that owns their first argument, a local user."""

    async def put_device(self, user_id: UserId, device_id: DeviceId, keys: bytes) -> None:
        """Set the identity keys of a device, a checked JSON object. The same again is no change."""

    async def put_cross_signing(self, user_id: UserId, keys: Mapping[str, bytes]) -> None:
        """Set cross-signing keys by usage, checked JSON objects. Another master key revokes those it does not sign."""

    async def sign(self, user_id: UserId, signer: UserId, signatures: Sequence[Signature]) -> None:
        """Keep checked signatures, by `signer`, of keys of the user."""

    async def devices_changed(self, user_id: UserId, deleted: Collection[DeviceId]) -> None:
        """Devices came, went, or have another name. The keys of the `deleted` ones are forgotten."""


class OneTimeKeys(Protocol):
    """Keys that are given out. Calls run in the process that owns their first argument, a local user."""

    async def put(
        self,
        user_id: UserId,
        device_id: DeviceId,
        one_time_keys: Sequence[UploadedKey],
        fallback_keys: Sequence[UploadedKey],
    ) -> Supply:
        """Add one-time keys and set fallback keys. Raises InvalidParam for an ID that another key has."""

    async def claim(self, user_id: UserId, wanted: Mapping[DeviceId, str]) -> dict[DeviceId, UploadedKey]:
        """One key of the wanted algorithm for each device that has one: no one-time key is ever given out again."""

    async def forget_devices(self, user_id: UserId, device_ids: Collection[DeviceId]) -> None:
        """These devices are gone."""


DEVICE_KEYS = Service[DeviceKeys]("keys.devices", owner=DEVICE_LISTS)
ONE_TIME_KEYS = Service[OneTimeKeys]("keys.one_time", owner=ONE_TIME_KEY_SUPPLIES)
