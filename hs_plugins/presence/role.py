"""What runs where the plugin is active."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import structlog

from hs_core.cluster.calls import Services
from hs_core.core import Core
from hs_core.db import DatabaseUnavailable
from hs_core.matrix.identifiers import ServerName
from hs_plugins.login.api import USERS, Users
from hs_plugins.presence.api import PRESENCE, PRESENCE_CHANGES, Presence
from hs_plugins.presence.config import PresenceConfig
from hs_plugins.presence.service import Presences
from hs_plugins.presence.sharing import RoomsOfUsers
from hs_plugins.presence.unsaved import Unsaved
from hs_plugins.rooms.api import EVENTS, ROOMS_READ

log = structlog.get_logger(__name__)

SOONEST: Final = 0.2
"""Seconds between two turns, when the process has nothing else to do."""
AT_REST: Final = 5.0
"""The same when there is nothing to tell: in case that users have come to this process meanwhile."""
BUSY: Final = 1.0
"""When turns have become fewer than that, nobody is told at once."""
LATEST: Final = 10.0
"""The same, when there is: of all that a server does, this can wait best."""
TOO_LATE: Final = 0.05
"""Seconds that the event loop may let us wait longer than we asked, before we ask for less of its time."""


@dataclass(kw_only=True)
class PresenceRole(Presences):
    """Implements the service `PRESENCE`, and is what the handlers are given."""

    server_name: ServerName
    services: Services
    users: Users

    @property
    def presence(self) -> Presence:
        """In the process that owns the user's slot."""
        return self.services[PRESENCE]

    async def keep_telling(self) -> None:
        """Turn after turn while there is something to do, for as long as the process lives; the busier, the fewer."""
        pause = SOONEST
        while True:
            asked = self.clock.monotonic() + pause
            await self.clock.sleep(pause)
            late = self.clock.monotonic() - asked > TOO_LATE
            pause = min(LATEST, pause * 2) if late else max(SOONEST, pause / 2)
            self.busy = pause > BUSY
            try:
                await self.turn()
            except DatabaseUnavailable:
                log.warning("the database is away, presence is told later")
            await self.rest(AT_REST)

    async def released(self, slots: Collection[int]) -> None:
        """Another process goes on with what has been told, and is written."""
        await self.tell_of(slots)
        await self.unsaved.save()


@asynccontextmanager
async def start(core: Core) -> AsyncIterator[PresenceRole]:
    """Keep presence for as long as the context lasts, of the users whose slots this process owns."""
    announcer = core.announcer(PRESENCE_CHANGES)
    role = PresenceRole(
        enabled=core.section("presence", PresenceConfig).enabled,
        clock=core.clock,
        db=core.db,
        announcer=announcer,
        unsaved=Unsaved(core.db, announcer),
        rooms=RoomsOfUsers(core.read_sides[ROOMS_READ].members),
        server_name=core.server_name,
        services=core.services,
        users=core.read_sides[USERS],
    )
    core.follower(EVENTS).subscribe(role.happened)
    core.follower(PRESENCE_CHANGES).subscribe(role.hear)
    announcer.on_release(role.released)
    async with asyncio.TaskGroup() as group:
        telling = group.create_task(role.keep_telling(), name="tell presence")
        yield role
        telling.cancel()
    await _save_at_last(role)


async def save(role: PresenceRole) -> None:
    """A turn of the task."""
    await role.unsaved.save()


async def _save_at_last(role: PresenceRole) -> None:
    try:
        await role.unsaved.save()
    except DatabaseUnavailable:
        log.warning("the database is away, the last changes of presence are forgotten", users=role.unsaved.count)
