"""The door of the to-device plugin: leave messages for devices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

import msgspec

from hs_core.matrix.identifiers import DeviceId, UserId
from hs_core.plugin import By, Service, Stream
from hs_plugins.to_device.rows import ToDeviceRow
from hs_plugins.to_device.store import load_rows

__all__ = ["EVERY_DEVICE", "TO_DEVICE", "TO_DEVICE_MESSAGES", "Delivery", "ToDevice", "ToDeviceRow", "Waiting"]

TO_DEVICE_MESSAGES = Stream("to_device", ToDeviceRow, load=load_rows, shard_by=By.USER, slots=64)

EVERY_DEVICE: Final = "*"
"""As a device ID: all that the user has now."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody sends to devices of one user."""

    sender: UserId
    type: str
    transaction: bytes
    """Stands for the request that it came with: at most 32 bytes. The same one again brings nothing."""
    messages: Mapping[str, bytes]
    """Contents, which are JSON objects, by device ID; `EVERY_DEVICE` is for those that are not named."""


class Waiting(msgspec.Struct, frozen=True):
    """A message that a device has not been proven to have."""

    position: int
    """In the stream."""
    sender: UserId
    type: str
    content: bytes
    """A JSON object."""


class ToDevice(Protocol):
    """Calls run in the process that owns their first argument, a local user."""

    async def deliver(self, user_id: UserId, delivery: Delivery) -> None:
        """Leave messages for devices, in the order of the calls; durable when this returns.

        What is for a user or a device that does not exist is dropped. A device that does not fetch its messages keeps
        the newest of them only.
        """

    async def waiting(self, user_id: UserId, device_id: DeviceId, after: int, limit: int) -> list[Waiting]:
        """The first `limit` messages for a device after a position: for who reads them other than by `/sync`.

        All that was delivered before the call is there. The messages stay.
        """

    async def forget_device(self, user_id: UserId, device_id: DeviceId) -> None:
        """The device is gone, and nobody will fetch what waits for it."""


TO_DEVICE = Service[ToDevice]("to_device", owner=TO_DEVICE_MESSAGES)
