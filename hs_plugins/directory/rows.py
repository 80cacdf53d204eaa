"""What the `published_rooms` stream carries."""

import msgspec

from hs_core.matrix.identifiers import RoomId


class PublishedRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A room was put on a list, or taken off it."""

    room_id: RoomId
    network: str
    """Empty for the server's own list."""
    published: bool
