"""Tell a user's rooms of a new name or avatar ("Events on Change of Profile Information").

What is to be done is in the database, so that it is done whatever happens to the process. Changes that follow each
other quickly become one event per room: what is sent is what the profile says by then.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from hs_core.clock import Clock
from hs_core.cluster.calls import Services
from hs_core.db import Database, DatabaseUnavailable
from hs_core.errors import MatrixError
from hs_core.matrix.identifiers import RoomId, UserId
from hs_plugins.profile import store
from hs_plugins.profile.fields import in_rooms
from hs_plugins.profile.store import Fields, Propagation
from hs_plugins.rooms.api import ROOMS, Draft, RoomsRead

log = structlog.get_logger(__name__)

ROOMS_AT_ONCE: Final = 10
PATIENCE: Final = 1.0
"""Seconds for which whoever changes a profile waits for the rooms: most users are in few."""
CLAIMED_FOR: Final = 10 * 60 * 1000
"""Milliseconds after which another process may take over."""


@dataclass(frozen=True)
class Propagator:
    """Sends the member events. Its tasks belong to `group`."""

    db: Database
    clock: Clock
    services: Services
    rooms: RoomsRead
    group: asyncio.TaskGroup

    async def soon(self, user: UserId) -> None:
        """Begin to tell the user's rooms, and wait for that a little."""
        task = self.group.create_task(self._tell(user), name="tell rooms of a profile")
        await asyncio.wait({task}, timeout=PATIENCE)

    async def finish(self) -> None:
        """Do what was left undone by a process that died, or by a room that could not be reached."""
        while (propagation := await self._claim(None)) is not None:
            if not await self._tell_rooms(propagation):
                return

    async def _tell(self, user: UserId) -> None:
        """Until no change is left, or somebody else is at it: they will see the change, too."""
        try:
            while (propagation := await self._claim(user)) is not None:
                if not await self._tell_rooms(propagation):
                    return
        except DatabaseUnavailable:
            log.warning("the database is away, rooms are told of a profile later", user=user)

    async def _claim(self, user: UserId | None) -> Propagation | None:
        now = self.clock.now_ms()
        return await self.db.write(lambda tx: store.claim(tx, user, now, now + CLAIMED_FOR))

    async def _tell_rooms(self, propagation: Propagation) -> bool:
        """False if a room could not be reached: the rest has to wait for another turn."""
        user = propagation.user_id
        fields = (await self.db.read(lambda tx: store.profiles(tx, [user]))).get(user, {})
        rooms = [each.room_id for each in await self.rooms.members.of_user(user, ("join",))]
        for start in range(0, len(rooms), ROOMS_AT_ONCE):
            told = [self._send(user, room, fields) for room in rooms[start : start + ROOMS_AT_ONCE]]
            if not all(await asyncio.gather(*told)):
                return False
        await self.db.write(partial(store.done, propagation=propagation))
        return True

    async def _send(self, user: UserId, room: RoomId, fields: Fields) -> bool:
        """False if it should be tried again."""
        content = {"membership": "join", **in_rooms(fields)}
        draft = Draft(sender=user, type="m.room.member", state_key=user, content=content)
        try:
            await self.services[ROOMS].send(room, draft)
        except MatrixError as error:
            log.warning("a room was not told of a profile", user=user, room=room, error=error.message)
            return error.status < 500
        return True
