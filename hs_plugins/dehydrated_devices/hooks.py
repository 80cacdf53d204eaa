"""What follows for dehydrated devices from what happens elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from hs_core.core import Core
from hs_core.db import Database
from hs_core.matrix.identifiers import DeviceId, UserId
from hs_core.plugin.hookspecs import hookimpl
from hs_plugins.dehydrated_devices import store


@dataclass(frozen=True)
class DehydratedDevicesHooks:
    db: Database

    @classmethod
    def make(cls, core: Core) -> DehydratedDevicesHooks:
        return cls(core.db)

    @hookimpl
    async def device_deleted(self, user: UserId, device: DeviceId) -> None:
        """The user deleted it like any other device."""
        await self.db.write(lambda tx: store.forget(tx, user, [device]))

    @hookimpl
    async def user_deactivated(self, user: UserId, erase: bool) -> None:
        """Nobody can ask for it any more."""
        await self.db.write(lambda tx: store.erase(tx, user))
