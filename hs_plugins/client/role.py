"""What the handlers of the client API work with."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hs_core.clock import Clock
from hs_core.core import Core
from hs_core.matrix.identifiers import ServerName
from hs_core.matrix.signing import SigningKey
from hs_plugins.rooms.api import ROOMS, ROOMS_READ, Rooms, RoomsRead


@dataclass(frozen=True)
class ClientApi:
    """The neighbours of the client API."""

    server_name: ServerName
    signing_key: SigningKey
    default_room_version: str
    clock: Clock
    rooms: Rooms
    read: RoomsRead

    @classmethod
    @asynccontextmanager
    async def start(cls, core: Core) -> AsyncIterator["ClientApi"]:
        """Ready to answer."""
        yield cls(
            server_name=core.server_name,
            signing_key=core.signing_key,
            default_room_version=core.config.default_room_version,
            clock=core.clock,
            rooms=core.services[ROOMS],
            read=core.read_sides[ROOMS_READ],
        )
