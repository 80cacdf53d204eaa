"""The door of the notifications plugin: hear of what users are to be notified of, and read what they have not read."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from hs_core.matrix.identifiers import UserId
from hs_core.plugin import By, ReadSide, Stream
from hs_plugins.notifications.rows import NotificationRow, NotifiedEvent, Told
from hs_plugins.notifications.store import load_rows

__all__ = [
    "NOTIFICATIONS",
    "NOTIFICATIONS_READ",
    "Badge",
    "NotificationRow",
    "NotificationsRead",
    "NotifiedEvent",
    "Told",
]

NOTIFICATIONS = Stream("notifications", NotificationRow, load=load_rows, shard_by=By.USER, slots=16)
"""What is to be pushed, a fraction of a second after the event. Sharded by the user who is notified."""


class Badge(NamedTuple):
    """What a user has not read, all rooms together."""

    notifications: int
    rooms: int
    """In how many rooms they are."""


class NotificationsRead(Protocol):
    """What users have been notified of, in any process."""

    async def badge(self, user_id: UserId) -> Badge:
        """What the user has not read, as of the newest row of `NOTIFICATIONS` about them."""


NOTIFICATIONS_READ = ReadSide[NotificationsRead]("notifications")
