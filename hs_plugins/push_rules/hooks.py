"""What push rules have to say elsewhere, and what follows for them from what happens there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hs_core.cluster.calls import ReadSides, Services
from hs_core.core import Core
from hs_core.matrix.event import Json
from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.plugin.hookspecs import hookimpl
from hs_plugins.push_rules.api import PUSH_RULES, PUSH_RULES_READ
from hs_plugins.push_rules.section import EVENT_TYPE


@dataclass(frozen=True)
class PushRulesHooks:
    services: Services
    read_sides: ReadSides

    @classmethod
    def make(cls, core: Core) -> PushRulesHooks:
        return cls(core.services, core.read_sides)

    @hookimpl
    async def managed_account_data(self, user: UserId, type: str) -> Mapping[str, Json] | None:  # noqa: A002
        """ "Servers must allow clients to read the above event types as normal." """
        if type != EVENT_TYPE:
            return None
        return {"global": (await self.read_sides[PUSH_RULES_READ].of(user)).to_json(user)}

    @hookimpl
    async def room_succeeded(self, user: UserId, old: RoomId, new: RoomId) -> None:
        """The rules for the old room are those for the new one, too."""
        await self.services[PUSH_RULES].copy_room(user, old, new)

    @hookimpl
    async def user_deactivated(self, user: UserId, erase: bool) -> None:
        """ "The server should additionally erase any non-event data associated with the user" """
        if erase:
            await self.services[PUSH_RULES].erase(user)
