"""The door of the directory: aliases of rooms, and the lists of published rooms."""

from collections.abc import Collection
from typing import Protocol

from hs_core.matrix.identifiers import RoomAlias, RoomId, ServerName, UserId
from hs_core.plugin import By, ReadSide, Service, Stream
from hs_plugins.directory.rows import PublishedRow
from hs_plugins.directory.store import load_rows
from hs_plugins.directory.values import Alias, ResolvedAlias, RoomsPage, RoomsQuery

__all__ = [
    "DIRECTORY",
    "DIRECTORY_READ",
    "PUBLISHED_ROOMS",
    "PUBLISHING",
    "Alias",
    "Directory",
    "DirectoryRead",
    "PublishedRow",
    "Publishing",
    "ResolvedAlias",
    "RoomsPage",
    "RoomsQuery",
]

PUBLISHED_ROOMS = Stream("published_rooms", PublishedRow, load=load_rows, shard_by=By.ROOM, slots=64)


class Directory(Protocol):
    """Aliases, and what is on the lists. Calls run in any process where the plugin is active.

    Who may do what is for the caller to know, but for `remove`.
    """

    async def resolve(self, alias: RoomAlias) -> ResolvedAlias | None:
        """The room that an alias stands for; aliases of other servers, and of bridges, are asked for if need be."""

    async def reserve(self, alias: RoomAlias, room_id: RoomId, creator: UserId) -> None:
        """Take an alias for a room that is about to be made: nobody sees it until it is settled.

        Raises MatrixError: 400 `M_ROOM_IN_USE`, 400 `M_INVALID_PARAM` for an alias that cannot be of this server, or
        what a plugin says against it (`M_EXCLUSIVE`).
        """

    async def settle(self, alias: RoomAlias, room_id: RoomId) -> None:
        """The room is there."""

    async def release(self, alias: RoomAlias, room_id: RoomId) -> None:
        """The room will not be there: the alias is free again."""

    async def add(self, alias: RoomAlias, room_id: RoomId, creator: UserId) -> None:
        """Give an alias to a room. Raises as `reserve` does, but 409 `M_UNKNOWN` for an alias that is taken."""

    async def remove(self, alias: RoomAlias, user_id: UserId, by_admin: bool) -> None:
        """Delete an alias, and take it out of the room's `m.room.canonical_alias` if the user may.

        Raises NotFound; Forbidden unless they made the alias, have the power to set the canonical one, or are an
        administrator.
        """

    async def move(self, old: RoomId, new: RoomId) -> None:
        """Give all aliases of a room to the one that replaces it."""

    async def published(self, server_name: ServerName, query: RoomsQuery) -> RoomsPage:
        """A page of the published rooms of this server, `server_name`. Raises InvalidParam for a token that is none."""


DIRECTORY = Service[Directory]("directory")


class Publishing(Protocol):
    """Calls run in the process that owns the room, their first argument."""

    async def publish(self, room_id: RoomId, network: str, published: bool) -> None:
        """Put a room on the list of a network (empty: the server's own), or take it off."""


PUBLISHING = Service[Publishing]("directory.publishing", owner=PUBLISHED_ROOMS)


class DirectoryRead(Protocol):
    """What every process may read in the database."""

    async def find(self, aliases: Collection[RoomAlias]) -> dict[RoomAlias, Alias]:
        """Those of the aliases that exist on this server."""

    async def of_room(self, room_id: RoomId) -> list[RoomAlias]:
        """This server's aliases of a room, the oldest first."""

    async def of_rooms(self, room_ids: Collection[RoomId]) -> dict[RoomId, list[RoomAlias]]:
        """The same of several rooms; one without any is left out."""

    async def is_published(self, room_id: RoomId, network: str = "") -> bool:
        """Whether the room is on a list."""

    async def published_among(self, room_ids: Collection[RoomId]) -> set[RoomId]:
        """Those of the rooms that are on the server's own list."""


DIRECTORY_READ = ReadSide[DirectoryRead]("directory")
