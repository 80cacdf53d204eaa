"""What follows for account data from what happens elsewhere."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from hs_core.cluster.calls import ReadSides, Services
from hs_core.core import Core
from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.plugin.hooks import Hooks
from hs_core.plugin.hookspecs import hookimpl
from hs_plugins.account_data.api import ACCOUNT_DATA, ACCOUNT_DATA_READ, TAGS
from hs_plugins.account_data.contents import written
from hs_plugins.account_data.successors import Successors
from hs_plugins.rooms.api import ROOMS_READ


@dataclass(frozen=True)
class AccountDataHooks:
    services: Services
    read_sides: ReadSides
    hooks: Hooks

    @classmethod
    def make(cls, core: Core) -> AccountDataHooks:
        return cls(core.services, core.read_sides, core.hooks)

    @hookimpl
    async def ignored_users(self, user: UserId) -> Collection[UserId] | None:
        """Those in the user's `m.ignored_user_list`."""
        return await self.read_sides[ACCOUNT_DATA_READ].ignored_by(user) or None

    @hookimpl
    async def user_joined(self, user: UserId, room: RoomId) -> None:
        """Perhaps they have followed another room to it."""
        await Successors(self.read_sides[ROOMS_READ], self.hooks).joined(room, user)

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
