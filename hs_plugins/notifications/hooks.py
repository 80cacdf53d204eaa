"""What follows for notifications from what happens elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from hs_core.core import Core
from hs_core.db import Database
from hs_core.matrix.identifiers import UserId
from hs_core.plugin.hookspecs import hookimpl
from hs_plugins.notifications import store


@dataclass(frozen=True)
class NotificationsHooks:
    db: Database

    @classmethod
    def make(cls, core: Core) -> NotificationsHooks:
        return cls(core.db)

    @hookimpl
    async def user_deactivated(self, user: UserId, erase: bool) -> None:
        """ "The server should additionally erase any non-event data associated with the user" """
        if erase:
            await self.db.write(lambda tx: store.erase(tx, user))
