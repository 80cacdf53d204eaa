"""The part of `/sync` that says who is online: `m.presence` of those with whom one shares a room, and of oneself."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

import orjson

from hs_core.clock import Clock
from hs_core.cluster.calls import ServiceMissing, Services
from hs_core.core import Core
from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.plugin import Parts, Section, SectionEvent, Window
from hs_plugins.presence.api import PRESENCE, PRESENCE_CHANGES
from hs_plugins.presence.recent import RecentPresence
from hs_plugins.presence.rows import OFFLINE, PresenceRow

MAX_TOLD: Final = 500
"""Users in one response: those whose presence changed last. Nobody's work depends on the rest."""


@dataclass(frozen=True)
class PresenceSection:
    """Tells from memory only, but for the presence of the user who asks for the first time."""

    clock: Clock
    services: Services
    recent: RecentPresence

    @classmethod
    def of(cls, core: Core) -> PresenceSection:
        """That of one process."""
        follower = core.follower(PRESENCE_CHANGES)
        recent = RecentPresence(follower.position)
        follower.subscribe(recent.receive)
        return cls(core.clock, core.services, recent)

    async def collect(self, window: Window) -> Parts | None:
        told = list(islice(self._news(window), MAX_TOLD))
        if window.after is None and all(row.user_id != window.user_id for row in told):
            told += await self._own(window.user_id)
        if not told:
            return None
        now = self.clock.now_ms()
        return Parts(events={"presence": [presence_event(row, now) for row in told]})

    def _news(self, window: Window) -> Iterator[PresenceRow]:
        """The newest row of each user of whom the device has not been told."""
        after, everything = window.after, window.after is None or window.after < self.recent.horizon
        for position, row in self.recent.newest():
            if after is not None and position <= after and not window.newly_joined:
                return
            if position > window.up_to or not _sees(window, row):
                continue
            if everything or position > (after or 0):
                # Whoever does not know of somebody takes them to be offline.
                if after is not None or row.presence != OFFLINE:
                    yield row
            elif row.presence != OFFLINE and not _disjoint(row.rooms, window.newly_joined):
                yield row

    async def _own(self, user_id: UserId) -> list[PresenceRow]:
        try:
            row = await self.services[PRESENCE].of(user_id)
        except ServiceMissing:
            return []
        return [] if row is None else [row]


def presence_event(row: PresenceRow, now: int) -> SectionEvent:
    """What clients are shown: `m.presence`."""
    event = {"type": "m.presence", "sender": row.user_id, "content": row.content(now)}
    return SectionEvent("m.presence", row.user_id, orjson.dumps(event))


def _sees(window: Window, row: PresenceRow) -> bool:
    """ "Presence information is published to all users who share a room with the target user." """
    return row.user_id == window.user_id or not _disjoint(row.rooms, window.joined)


def _disjoint(rooms: Collection[RoomId], others: Collection[RoomId]) -> bool:
    return not any(room_id in others for room_id in rooms)


def concerned(row: PresenceRow) -> tuple[str, ...]:
    """Whom a presence is news to."""
    return (row.user_id, *row.rooms)


SECTION = Section("pres", PRESENCE_CHANGES, concerns=concerned, open=PresenceSection.of)
