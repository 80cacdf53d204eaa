"""What the handlers of the client API work with."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from hs_core.clock import Clock
from hs_core.config import Config
from hs_core.core import Core
from hs_core.http.requester import Requester
from hs_core.matrix.identifiers import ServerName, UserId, server_name_of
from hs_core.matrix.signing import SigningKey
from hs_plugins.client.config import ClientConfig, Support
from hs_plugins.directory.api import DIRECTORY, DIRECTORY_READ, PUBLISHING, Directory, DirectoryRead, Publishing
from hs_plugins.profile.api import PROFILES_READ, ProfilesRead
from hs_plugins.rooms.api import ROOMS, ROOMS_READ, Reader, Rooms, RoomsRead


@dataclass(frozen=True)
class ClientApi:
    """The neighbours of the client API."""

    server_name: ServerName
    signing_key: SigningKey
    config: Config
    capabilities: Mapping[str, Any]
    """What the installed plugins can do, for `/capabilities`."""
    support: Support
    clock: Clock
    rooms: Rooms
    read: RoomsRead
    profiles: ProfilesRead
    directory: Directory
    publishing: Publishing
    aliases: DirectoryRead

    @classmethod
    @asynccontextmanager
    async def start(cls, core: Core) -> AsyncIterator["ClientApi"]:
        """Ready to answer."""
        capabilities: dict[str, Any] = {}
        for plugin in core.installed.values():
            capabilities.update(plugin.capabilities)
        yield cls(
            server_name=core.server_name,
            signing_key=core.signing_key,
            config=core.config,
            capabilities=capabilities,
            support=core.section("client", ClientConfig).support,
            clock=core.clock,
            rooms=core.services[ROOMS],
            read=core.read_sides[ROOMS_READ],
            profiles=core.read_sides[PROFILES_READ],
            directory=core.services[DIRECTORY],
            publishing=core.services[PUBLISHING],
            aliases=core.read_sides[DIRECTORY_READ],
        )

    def reader(self, asker: Requester) -> Reader:
        """Whom events are shown to."""
        return Reader(asker.user_id, asker.device_id)

    async def profile_of(self, user_id: UserId) -> dict[str, Any]:
        """What a member event says of a user of this server; what others say of themselves their servers know."""
        if server_name_of(user_id) != self.server_name:
            return {}
        return await self.profiles.member_fields(user_id)
