"""What follows for delayed events from what happens elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from hs_core.core import Core
from hs_core.db import Database
from hs_core.matrix.identifiers import UserId
from hs_core.plugin.hookspecs import hookimpl
from hs_plugins.delayed_events import store


@dataclass(frozen=True)
class DelayedEventsHooks:
    db: Database

    @classmethod
    def make(cls, core: Core) -> DelayedEventsHooks:
        return cls(core.db)

    @hookimpl
    async def user_deactivated(self, user: UserId, erase: bool) -> None:
        """Nothing more is sent in the name of who is no more."""
        await self.db.write(lambda tx: store.erase(tx, user))
