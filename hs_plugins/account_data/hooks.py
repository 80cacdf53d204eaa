"""What follows for account data from what happens elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from hs_core.cluster.calls import Services
from hs_core.core import Core
from hs_core.matrix.identifiers import UserId
from hs_core.plugin.hookspecs import hookimpl
from hs_plugins.account_data.api import ACCOUNT_DATA


@dataclass(frozen=True)
class AccountDataHooks:
    services: Services

    @classmethod
    def make(cls, core: Core) -> AccountDataHooks:
        return cls(core.services)

    @hookimpl
    async def user_deactivated(self, user: UserId, erase: bool) -> None:
        """ "The server should additionally erase any non-event data associated with the user" """
        if erase:
            await self.services[ACCOUNT_DATA].erase(user)
