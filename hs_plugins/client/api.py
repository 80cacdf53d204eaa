"""The door of the client plugin: send an event as clients do."""

from __future__ import annotations

from typing import Protocol

from hs_core.matrix.identifiers import RoomId
from hs_core.plugin import Service
from hs_plugins.rooms.api import Draft, Sent

__all__ = ["SENDING", "Sending"]


class Sending(Protocol):
    """Calls run in any process in which the client API is active."""

    async def send(self, room_id: RoomId, draft: Draft) -> Sent:
        """Send an event of a local user, after everything that is checked of what a client sends.

        Raises MatrixError or ProtocolError, such as Forbidden by the rules of the room.
        """


SENDING = Service[Sending]("client.sending")
