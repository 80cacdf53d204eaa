"""The door of the pusher plugin: set and remove pushers, hear of changes."""

from __future__ import annotations

from typing import Protocol

from hs_core.matrix.identifiers import DeviceId, UserId
from hs_core.plugin import By, Service, Stream
from hs_plugins.pusher.rows import PushersRow
from hs_plugins.pusher.store import SLOTS, load_rows
from hs_plugins.pusher.values import PusherSettings

__all__ = ["PUSHERS", "PUSHER_CHANGES", "PusherSettings", "Pushers", "PushersRow"]

PUSHER_CHANGES = Stream("pushers", PushersRow, load=load_rows, shard_by=By.USER, slots=SLOTS)
"""Whose pushers have changed. Whoever owns a user tells their gateways."""


class Pushers(Protocol):
    """Calls run in the process that owns their first argument, a local user."""

    async def set(self, user_id: UserId, device_id: DeviceId | None, settings: PusherSettings, append: bool) -> None:
        """Add a pusher, or change the one with this app ID and pushkey; it goes when the device does.

        Without `append`, pushers of other users with this app ID and pushkey are removed. Of a user who has too many,
        the one that was not set for longest is removed. The caller has checked the settings.
        """

    async def remove(self, user_id: UserId, app_id: str, pushkey: str) -> None:
        """Remove a pusher, if there is such a one."""


PUSHERS = Service[Pushers]("pusher", owner=PUSHER_CHANGES)
