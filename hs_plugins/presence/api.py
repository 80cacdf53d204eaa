"""The door of the presence plugin: say who is online, and hear and ask who is."""

from __future__ import annotations

from typing import Protocol

from hs_core.matrix.identifiers import DeviceId, UserId
from hs_core.plugin import By, Service, Stream, nothing_stored
from hs_plugins.presence.rows import PresenceRow, State

__all__ = ["PRESENCE", "PRESENCE_CHANGES", "Presence", "PresenceRow", "State"]

PRESENCE_CHANGES = Stream("presence", PresenceRow, nothing_stored, shard_by=By.USER, slots=16)
"""Users whose presence changed, and of those who are online those who came to a room or left one.

In memory: it changes more often than anything else, and nobody wants to know what it was before (docs/adr/0004). A row
replaces what was said of its user before. What has to outlive a restart is written to a table some seconds later: the
status message, and who was online, so that a new owner can tell everybody who has not come back.
"""


class Presence(Protocol):
    """Calls run in the process that keeps the presence of the user. Where presence is disabled they do nothing."""

    async def heard(self, user_id: UserId, device_id: DeviceId | None, state: State, for_ms: int) -> None:
        """A client of a local user is connected, and will be for so long unless this is said again."""

    async def says(self, user_id: UserId, device_id: DeviceId | None, state: State, status_msg: str | None) -> None:
        """A local user sets their state, with a message or without."""

    async def gone(self, user_id: UserId, device_id: DeviceId) -> None:
        """A device does not exist any more."""

    async def forget(self, user_id: UserId) -> None:
        """The user does not exist any more."""

    async def received(self, user_id: UserId, row: PresenceRow) -> None:
        """What another server says of a user of its own (`m.presence`); it is good for half an hour."""

    async def of(self, user_id: UserId) -> PresenceRow | None:
        """The user's presence now; `None` if nothing is known of them."""


PRESENCE = Service[Presence]("presence", owner=PRESENCE_CHANGES)
