"""What the handlers of the client API work with."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from hs_core.clock import Clock
from hs_core.cluster.calls import Services
from hs_core.config import Config
from hs_core.core import Core
from hs_core.http.requester import Requester
from hs_core.matrix.identifiers import RoomId, ServerName, UserId, server_name_of
from hs_core.matrix.signing import SigningKey
from hs_core.plugin.hooks import Hooks
from hs_core.plugin.hookspecs import ignored_users, user_joined
from hs_plugins.client.config import ClientConfig, Support
from hs_plugins.client.guests import GuestKeeper
from hs_plugins.client.sending import send
from hs_plugins.delayed_events.api import DELAYED_EVENTS, DelayedEvents
from hs_plugins.directory.api import DIRECTORY, DIRECTORY_READ, PUBLISHING, Directory, DirectoryRead, Publishing
from hs_plugins.login.api import USERS
from hs_plugins.profile.api import PROFILES_READ, ProfilesRead
from hs_plugins.rooms.api import EVENTS, ROOMS, ROOMS_READ, Draft, Join, Reader, Rooms, RoomsRead, Sent


@dataclass(frozen=True)
class ClientApi:
    """Implements the service `SENDING`, and has the neighbours of the client API."""

    server_name: ServerName
    signing_key: SigningKey
    config: Config
    capabilities: Mapping[str, Any]
    """What the installed plugins can do, for `/capabilities`."""
    unstable_features: Mapping[str, bool]
    """What they have from before it was part of the specification, for `/versions`."""
    support: Support
    clock: Clock
    services: Services
    rooms: Rooms
    read: RoomsRead
    profiles: ProfilesRead
    directory: Directory
    publishing: Publishing
    aliases: DirectoryRead
    hooks: Hooks

    @classmethod
    @asynccontextmanager
    async def start(cls, core: Core) -> AsyncIterator["ClientApi"]:
        """Ready to answer."""
        capabilities: dict[str, Any] = {}
        features: dict[str, bool] = {}
        for plugin in core.installed.values():
            capabilities.update(plugin.capabilities)
            features.update(plugin.unstable_features)
        rooms, read = core.services[ROOMS], core.read_sides[ROOMS_READ]
        guests = GuestKeeper(core.server_name, rooms, read, core.read_sides[USERS], core.clock)
        core.follower(EVENTS).subscribe(guests.hear)
        role = cls(
            server_name=core.server_name,
            signing_key=core.signing_key,
            config=core.config,
            capabilities=capabilities,
            unstable_features=features,
            support=core.section("client", ClientConfig).support,
            clock=core.clock,
            services=core.services,
            rooms=rooms,
            read=read,
            profiles=core.read_sides[PROFILES_READ],
            directory=core.services[DIRECTORY],
            publishing=core.services[PUBLISHING],
            aliases=core.read_sides[DIRECTORY_READ],
            hooks=core.hooks,
        )
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(guests.run(), name="guests leave")
            try:
                yield role
            finally:
                keeping.cancel()

    @property
    def delayed_events(self) -> DelayedEvents:
        """Where events wait that are to be sent later. Raises ServiceMissing where nobody does that."""
        return self.services[DELAYED_EVENTS]

    async def send(self, room_id: RoomId, draft: Draft) -> Sent:
        """See `Sending.send`."""
        return await send(self, room_id, draft)

    async def reader(self, asker: Requester) -> Reader:
        """Whom events are shown to."""
        ignored = await self.hooks.first(ignored_users, asker.user_id)
        return Reader(asker.user_id, asker.device_id, frozenset(ignored or ()))

    async def join(self, room_id: RoomId, join: Join) -> Sent:
        """Let a user join; what follows from that elsewhere, such as tags, is there when they are answered."""
        sent = await self.rooms.join(room_id, join)
        await self.hooks.notify(user_joined, join.user_id, room_id)
        return sent

    async def profile_of(self, user_id: UserId) -> dict[str, Any]:
        """What a member event says of a user of this server; what others say of themselves their servers know."""
        if server_name_of(user_id) != self.server_name:
            return {}
        return await self.profiles.member_fields(user_id)
