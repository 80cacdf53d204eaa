"""What follows from the end of a device or an account."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import structlog

from hs_core.clock import Clock
from hs_core.cluster.calls import ReadSides, Services
from hs_core.db import Database
from hs_core.errors import MatrixError
from hs_core.matrix.identifiers import DeviceId, RoomId, UserId
from hs_core.plugin.hooks import Hooks
from hs_core.plugin.hookspecs import device_deleted, user_deactivated
from hs_plugins.login.store import departures
from hs_plugins.rooms.api import ROOMS, ROOMS_READ, Draft

log = structlog.get_logger(__name__)

ROOMS_AT_ONCE: Final = 10
CLAIMED_FOR: Final = 10 * 60 * 1000
"""Milliseconds after which another process may take over a user whose rooms are being left."""


@dataclass(frozen=True)
class Lifecycle:
    """Tells the other plugins, and lets the departed leave their rooms."""

    hooks: Hooks
    db: Database
    clock: Clock
    services: Services
    read_sides: ReadSides
    somebody_left: asyncio.Event = field(default_factory=asyncio.Event)

    async def devices_deleted(self, user: UserId, devices: Sequence[DeviceId]) -> None:
        for device in devices:
            await self.hooks.notify(device_deleted, user, device)

    async def deactivated(self, user: UserId, erase: bool) -> None:
        self.somebody_left.set()
        await self.hooks.notify(user_deactivated, user, erase)

    async def leave_rooms(self) -> None:
        """Let every deactivated user leave their rooms who has not done so yet, one user after the other."""
        while (user := await self._claim()) is not None:
            if await self._leave_rooms_of(user):
                await self.db.write(partial(departures.done, user=user))

    async def leave_when_asked(self) -> None:
        """Do so as soon as somebody is deactivated here, for as long as the plugin is active."""
        while True:
            await self.somebody_left.wait()
            self.somebody_left.clear()
            await self.leave_rooms()

    async def _claim(self) -> UserId | None:
        now = self.clock.now_ms()
        return await self.db.write(lambda tx: departures.claim(tx, now, now + CLAIMED_FOR))

    async def _leave_rooms_of(self, user: UserId) -> bool:
        """Whether there is nothing left to do for this user."""
        memberships = await self.read_sides[ROOMS_READ].members.of_user(user, ("join", "invite", "knock"))
        rooms = [membership.room_id for membership in memberships]
        for start in range(0, len(rooms), ROOMS_AT_ONCE):
            left = [self._leave(user, room) for room in rooms[start : start + ROOMS_AT_ONCE]]
            if not all(await asyncio.gather(*left)):
                return False
        return True

    async def _leave(self, user: UserId, room: RoomId) -> bool:
        """False if it should be tried again."""
        leave = Draft(sender=user, type="m.room.member", state_key=user, content={"membership": "leave"})
        try:
            await self.services[ROOMS].send(room, leave)
        except MatrixError as error:
            log.warning("a deactivated user could not leave", user=user, room=room, error=error.message)
            return error.status < 500
        return True
