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
from hs_plugins.presence.recent import Heard, RecentPresence
from hs_plugins.presence.rows import OFFLINE, PresenceRow
from hs_plugins.rooms.api import EVENTS

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
        core.follower(EVENTS).subscribe(recent.happened)
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
        for heard in self.recent.newest():
            if window.after is not None and heard.position <= window.after and not window.newly_joined:
                return
            if heard.position <= window.up_to and self._is_news(heard, window):
                yield heard.row

    def _is_news(self, heard: Heard, window: Window) -> bool:
        row, after = heard.row, window.after
        is_own = row.user_id == window.user_id
        # "Presence information is published to all users who share a room with the target user."
        if not is_own and _disjoint(row.rooms, window.joined):
            return False
        # Whoever does not know of somebody takes them to be offline.
        if after is None:
            return row.presence != OFFLINE
        if after < self.recent.horizon or heard.changed > after:
            return True
        if row.presence == OFFLINE or is_own:
            return False
        met = heard.position > after and not _disjoint(heard.moved, window.joined)
        return met or not _disjoint(row.rooms, window.newly_joined)

    async def _own(self, user_id: UserId) -> list[PresenceRow]:
        try:
            row = await self.services[PRESENCE].of(user_id)
        except ServiceMissing:
            return []
        return [] if row is None else [row]


def presence_event(row: PresenceRow, now: int) -> SectionEvent:
    """What clients are shown: `m.presence`.

    NOTSPEC: the content names the user as well, as it did when there was no `/sync`: clients of `/initialSync` and
    `/events` look there.
    """
    content = {"user_id": row.user_id, **row.content(now)}
    event = {"type": "m.presence", "sender": row.user_id, "content": content}
    return SectionEvent("m.presence", row.user_id, orjson.dumps(event))


def _disjoint(rooms: Collection[RoomId], others: Collection[RoomId]) -> bool:
    return not any(room_id in others for room_id in rooms)


def concerned(row: PresenceRow) -> tuple[str, ...]:
    """Whom a presence is news to."""
    return (row.user_id, *row.rooms) if row.moved is None else row.moved


SECTION = Section("pres", PRESENCE_CHANGES, concerns=concerned, open=PresenceSection.of)
