"""The door of the notifications plugin: hear of what users are to be notified of, and read what they have not read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from hs_core.matrix.identifiers import UserId
from hs_core.plugin import By, ReadSide, Stream
from hs_plugins.notifications.rows import NotificationRow, NotifiedEvent, Told
from hs_plugins.notifications.store import Badge, News, Notification, Since, load_rows

__all__ = [
    "NOTIFICATIONS",
    "NOTIFICATIONS_READ",
    "Badge",
    "News",
    "Notification",
    "NotificationRow",
    "NotificationsRead",
    "NotifiedEvent",
    "Since",
    "Told",
]

NOTIFICATIONS = Stream("notifications", NotificationRow, load=load_rows, shard_by=By.USER, slots=16, version=2)
"""What is to be pushed, a fraction of a second after the event, and who has read. Sharded by the user it is about."""


class NotificationsRead(Protocol):
    """What users have been notified of, in any process."""

    async def badge(self, user_id: UserId) -> Badge:
        """What the user has not read, as of the newest row of `NOTIFICATIONS` about them."""

    async def badges(self, users: Collection[UserId]) -> dict[UserId, int]:
        """How many notifications each of the users has not read, without those who have read all."""

    async def with_news(self, since: Mapping[UserId, Since]) -> set[UserId]:
        """Those of the users who have been notified of something after their place in the stream."""

    async def news(self, user_id: UserId, since: Since, limit: int) -> News:
        """What the user has been notified of after a place in the stream, up to `limit` events, the oldest first."""


NOTIFICATIONS_READ = ReadSide[NotificationsRead]("notifications")
