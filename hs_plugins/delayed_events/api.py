"""The door of the delayed events plugin: schedule an event."""

from __future__ import annotations

from typing import Final, Protocol

from hs_core.matrix.identifiers import RoomId
from hs_core.plugin import Service
from hs_plugins.rooms.api import Draft

__all__ = ["DELAYED_EVENTS", "DELAY_PARAMETER", "DelayedEvents"]

DELAY_PARAMETER: Final = "org.matrix.msc4140.delay"
"""The query parameter by which clients ask for it when they send an event: milliseconds."""


class DelayedEvents(Protocol):
    """Calls run in any process in which the plugin is active."""

    async def schedule(self, room_id: RoomId, draft: Draft, delay_ms: int) -> str:
        """Send an event of a local user after a delay, at least 1 ms; the ID by which it can be managed until then.

        A draft with a `txn_id` that was scheduled before answers with the ID of that. Whether the sender may send it
        is decided when it is sent. Raises TooLarge, LimitExceeded, 400 for a delay that is too long.
        """


DELAYED_EVENTS = Service[DelayedEvents]("delayed_events")
