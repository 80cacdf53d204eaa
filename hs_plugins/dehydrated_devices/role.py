"""What runs where the plugin is active."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hs_core.cluster.calls import Services
from hs_core.core import Core
from hs_core.db import Database
from hs_core.errors import InvalidParam, MatrixError
from hs_core.matrix.identifiers import DeviceId, UserId
from hs_plugins.dehydrated_devices import store
from hs_plugins.dehydrated_devices.upload import Upload
from hs_plugins.keys.api import DEVICE_KEYS, ONE_TIME_KEYS
from hs_plugins.login.api import ACCOUNTS, USERS, Users
from hs_plugins.to_device.api import TO_DEVICE, Waiting


@dataclass(frozen=True)
class DehydratedDevices:
    """Makes devices of what clients upload, by way of the plugins that devices belong to.

    Those write in transactions of their own, so a device is noted first and becomes the user's dehydrated device when
    all of it is there. Should that be interrupted, the next upload deletes what was left behind.
    """

    db: Database
    services: Services
    users: Users

    async def current(self, user: UserId) -> tuple[DeviceId, bytes] | None:
        """The user's dehydrated device, with its data."""
        found = await self.db.read(lambda tx: store.current(tx, user))
        if found is None or await self.users.device(user, found[0]) is None:
            return None  # a device that is being deleted, whichever way
        return found

    async def replace(self, user: UserId, upload: Upload) -> None:
        """Make this the user's dehydrated device. "Each user has at most one"; the one before is deleted.

        Raises InvalidParam, TooLarge; 409 `M_UNKNOWN` if another upload came first.
        """
        device = upload.device_id
        known = await self.db.write(lambda tx: store.begin(tx, user, device, upload.data))
        is_new = await self.services[ACCOUNTS].put_device(user, device, upload.display_name, True)
        if not known and not is_new:
            await self.db.write(lambda tx: store.forget(tx, user, [device]))
            raise InvalidParam("There is a device with this ID already")
        await self.services[DEVICE_KEYS].put_device(user, device, upload.keys)
        await self.services[ONE_TIME_KEYS].put(user, device, upload.one_time_keys, upload.fallback_keys)
        others = await self.db.write(lambda tx: store.choose(tx, user, device))
        await self._delete(user, [device] if others is None else others)
        if others is None:
            raise MatrixError(409, "M_UNKNOWN", "Another dehydrated device was uploaded at the same time")

    async def delete(self, user: UserId, device: DeviceId) -> None:
        """The user's dehydrated device is not needed any more."""
        await self._delete(user, [device])

    async def messages(self, user: UserId, device: DeviceId, after: int, limit: int) -> list[Waiting]:
        """What others have sent to the device after a position."""
        return await self.services[TO_DEVICE].waiting(user, device, after, limit)

    async def _delete(self, user: UserId, devices: list[DeviceId]) -> None:
        if devices:
            await self.services[ACCOUNTS].delete_devices(user, devices)
            await self.db.write(lambda tx: store.forget(tx, user, devices))


@asynccontextmanager
async def start(core: Core) -> AsyncIterator[DehydratedDevices]:
    """There is nothing to own: whoever is asked does it."""
    yield DehydratedDevices(core.db, core.services, core.read_sides[USERS])
