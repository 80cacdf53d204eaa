"""The rows of the stream `receipts`."""

from __future__ import annotations

from typing import Final

import msgspec

from hs_core.matrix.identifiers import EventId, RoomId, UserId

READ: Final = "m.read"
READ_PRIVATE: Final = "m.read.private"
MAIN: Final = "main"
"""The thread ID of everything that is in no thread."""


class ReceiptRow(msgspec.Struct, frozen=True, array_like=True):
    """A user has read a room, or one of its threads, up to an event."""

    room_id: RoomId
    user_id: UserId
    type: str
    """`m.read` or `m.read.private`."""
    thread_id: str | None
    """The root of a thread, `main`, or `None` for an unthreaded receipt."""
    event_id: EventId
    event_position: int
    """The event's position in the stream of room events: what is not after it has been read."""
    ts: int
    """When it was read, in milliseconds since the epoch."""

    @property
    def is_private(self) -> bool:
        """ "Servers MUST NOT send the `m.read.private` receipt to any other user" """
        return self.type == READ_PRIVATE
