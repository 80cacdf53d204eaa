"""What the directory speaks of."""

import msgspec

from hs_core.matrix.identifiers import RoomAlias, RoomId, ServerName, UserId
from hs_plugins.rooms.api import RoomSummary


class Alias(msgspec.Struct, frozen=True):
    """An alias of this server."""

    alias: RoomAlias
    room_id: RoomId
    creator: UserId


class ResolvedAlias(msgspec.Struct, frozen=True):
    """The room that an alias of any server stands for."""

    room_id: RoomId
    servers: list[ServerName]
    """"A list of servers that are aware of this room alias": the room can be joined through them."""


class RoomsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of the list of published rooms somebody wants."""

    limit: int
    since: str | None = None
    """"A pagination token from a previous request"."""
    search: str | None = None
    room_types: list[str | None] | None = None
    """`None` in the list stands for rooms without a type."""
    network: str | None = ""
    """The list of one third-party network; empty for the server's own, `None` for all of them together."""


class RoomsPage(msgspec.Struct, frozen=True, omit_defaults=True):
    """`PublicRoomsResponse` of the client-server API, ready to be written."""

    chunk: list[RoomSummary]
    total_room_count_estimate: int
    next_batch: str | None = None
    prev_batch: str | None = None
