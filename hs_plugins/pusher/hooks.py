"""What follows for pushers from what happens elsewhere.

What is done here at once the feed does again: nobody who has logged out gets pushes because the database was away.
"""

from __future__ import annotations

from dataclasses import dataclass

from hs_core.core import Core
from hs_core.db import Database
from hs_core.matrix.identifiers import DeviceId, UserId
from hs_core.plugin.hookspecs import hookimpl
from hs_plugins.pusher import store


@dataclass(frozen=True)
class PusherHooks:
    db: Database

    @classmethod
    def make(cls, core: Core) -> PusherHooks:
        return cls(core.db)

    @hookimpl
    async def device_deleted(self, user: UserId, device: DeviceId) -> None:
        """A pusher goes with the device that has set it."""
        await self.db.write(lambda tx: store.forget_devices(tx, [(user, device)]))

    @hookimpl
    async def user_deactivated(self, user: UserId, erase: bool) -> None:
        """ "The server should additionally erase any non-event data associated with the user" """
        await self.db.write(lambda tx: store.erase(tx, user))
