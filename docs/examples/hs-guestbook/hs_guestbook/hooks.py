"""The plugin's say in what other plugins do. Hooks are asked in every process, whether it is active there or not."""

from __future__ import annotations

from dataclasses import dataclass

from hs_core.core import Core
from hs_core.db import Database
from hs_core.matrix.identifiers import ServerName, UserId, server_name_of
from hs_core.plugin import Refusal, hookimpl
from hs_guestbook import store
from hs_guestbook.config import GuestbookConfig


@dataclass(frozen=True)
class GuestbookHooks:
    """Who wants to invite a user of this server signs their book first."""

    config: GuestbookConfig
    server_name: ServerName
    db: Database

    @classmethod
    def of(cls, core: Core) -> GuestbookHooks:
        """Those of one process."""
        return cls(core.section("guestbook", GuestbookConfig), core.server_name, core.db)

    @hookimpl
    async def check_invite(self, sender: UserId, invited: UserId) -> Refusal | None:
        """Takes the parameters that it needs, and leaves out the rest."""
        if not self.config.sign_before_invite or server_name_of(invited) != self.server_name:
            return None
        if await self.db.read(lambda tx: store.has_signed(tx, invited, sender)):
            return None
        return Refusal(f"Sign the guestbook of {invited} first")
