"""What follows for account data from what happens elsewhere."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from hs_core.cluster.calls import ReadSides, Services
from hs_core.core import Core
from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.plugin.hookspecs import hookimpl
from hs_plugins.account_data.api import ACCOUNT_DATA, ACCOUNT_DATA_READ, TAGS
from hs_plugins.account_data.contents import written


@dataclass(frozen=True)
class AccountDataHooks:
    services: Services
    read_sides: ReadSides

    @classmethod
    def make(cls, core: Core) -> AccountDataHooks:
        return cls(core.services, core.read_sides)

    @hookimpl
    async def ignored_users(self, user: UserId) -> Collection[UserId] | None:
        """Those in the user's `m.ignored_user_list`."""
        return await self.read_sides[ACCOUNT_DATA_READ].ignored_by(user) or None

    @hookimpl
    async def room_succeeded(self, user: UserId, old: RoomId, new: RoomId) -> None:
        """The new room has the tags of the old one, unless it has some already."""
        read = self.read_sides[ACCOUNT_DATA_READ]
        tags = await read.of_room(user, old, TAGS)
        if tags and not await read.of_room(user, new, TAGS):
            await self.services[ACCOUNT_DATA].put(user, new, TAGS, written(tags))

    @hookimpl
    async def user_deactivated(self, user: UserId, erase: bool) -> None:
        """ "The server should additionally erase any non-event data associated with the user" """
        if erase:
            await self.services[ACCOUNT_DATA].erase(user)
