"""What the handlers of the client API work with."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from hs_core.clock import Clock
from hs_core.core import Core
from hs_core.errors import NotFound
from hs_core.matrix.identifiers import RoomId, ServerName, UserId, parse_room_alias, parse_room_id
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

    async def profile_of(self, user_id: UserId) -> dict[str, Any]:
        """What a member event of the user says of them."""
        return {}

    async def resolve(self, room: str) -> RoomId:
        """The room of a room ID or an alias. Raises NotFound if nobody knows the alias."""
        if room.startswith("#"):
            raise NotFound(f"There is no room with the alias {parse_room_alias(room)}")
        return parse_room_id(room)
