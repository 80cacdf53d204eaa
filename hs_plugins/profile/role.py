"""What runs where the plugin is active."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hs_core.cluster.calls import Services
from hs_core.core import Core
from hs_core.matrix.identifiers import ServerName
from hs_core.plugin.hooks import Hooks
from hs_plugins.login.api import USERS, Users
from hs_plugins.profile.api import PROFILE_CHANGES, PROFILES, PROFILES_READ, Profiles, ProfilesRead
from hs_plugins.profile.propagation import Propagator
from hs_plugins.profile.service import ProfilesService
from hs_plugins.rooms.api import ROOMS_READ


@dataclass(frozen=True)
class ProfileRole(ProfilesService):
    """Implements the plugin's service, and is what the handlers are given."""

    server_name: ServerName
    services: Services
    profiles: ProfilesRead
    users: Users
    hooks: Hooks

    @property
    def calls(self) -> Profiles:
        """To the process that owns the user."""
        return self.services[PROFILES]


@asynccontextmanager
async def start(core: Core) -> AsyncIterator[ProfileRole]:
    """Own profiles for as long as the context lasts."""
    async with asyncio.TaskGroup() as group:
        yield ProfileRole(
            writer=core.writer(PROFILE_CHANGES),
            propagator=Propagator(core.db, core.clock, core.services, core.read_sides[ROOMS_READ], group),
            server_name=core.server_name,
            services=core.services,
            profiles=core.read_sides[PROFILES_READ],
            users=core.read_sides[USERS],
            hooks=core.hooks,
        )


async def finish_propagations(role: ProfileRole) -> None:
    """Those that were left undone."""
    await role.propagator.finish()
