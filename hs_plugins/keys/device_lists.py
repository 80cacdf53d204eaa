"""Whose keys a client must fetch again, and whose it need not know any more (`device_lists`)."""

from __future__ import annotations

from collections.abc import Collection, Set
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from hs_core.core import Core
from hs_core.db import Database
from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.plugin import Parts, Section, Window
from hs_plugins.keys.api import DEVICE_LISTS
from hs_plugins.keys.moves import Neighbours, RecentMoves
from hs_plugins.keys.recent_lists import RecentLists, changed_for, concerned_by
from hs_plugins.keys.store.lists import load_lists
from hs_plugins.rooms.api import EVENTS, ROOMS_READ

ROWS_AT_ONCE = 5_000


class Stretch(NamedTuple):
    """What happened between two syncs of one user."""

    user_id: UserId
    lists: tuple[int, int]
    """After the first position of `device_lists`, up to the second."""
    events: tuple[int, int]
    joined: Collection[RoomId]
    """Where the user is now."""
    newly_joined: Collection[RoomId]
    newly_left: Collection[RoomId]


class Told(NamedTuple):
    """`DeviceLists` of the client-server API."""

    changed: set[UserId]
    left: set[UserId]

    def to_json(self) -> dict[str, list[str]]:
        return {"changed": sorted(self.changed), "left": sorted(self.left)}


@dataclass(frozen=True)
class DeviceLists:
    """Tells from memory as far as that goes back, else from the database."""

    db: Database
    neighbours: Neighbours
    recent: RecentLists | None = None

    async def told(self, stretch: Stretch) -> Told:
        """Users whose keys changed, or who came into a room of the user's; and those who are in none any more."""
        user = stretch.user_id
        joined = stretch.joined if isinstance(stretch.joined, Set) else frozenset(stretch.joined)
        changed = await self._changed(stretch, joined)
        stayed = joined - frozenset(stretch.newly_joined) if stretch.newly_joined else joined
        moved = await self.neighbours.moved(user, stayed, *stretch.events)
        changed |= moved.came
        candidates = moved.went
        if stretch.newly_joined:
            changed |= await self.neighbours.here(stretch.newly_joined)
        if stretch.newly_left:
            candidates |= await self.neighbours.here(stretch.newly_left)
            candidates |= (await self.neighbours.moved(user, stretch.newly_left, *stretch.events)).went
        candidates -= {user}
        left = await self.neighbours.not_in(candidates, joined) if candidates else candidates
        return Told(changed - left, left)

    async def _changed(self, stretch: Stretch, joined: Set[RoomId]) -> set[UserId]:
        after, up_to = stretch.lists
        if self.recent is not None and after >= self.recent.horizon:
            return self.recent.after(stretch.user_id, joined, after, up_to)
        changed: set[UserId] = set()
        while after < up_to:
            rows = await self.db.read(partial(load_lists, after=after, up_to=up_to, limit=ROWS_AT_ONCE))
            changed |= changed_for(rows, stretch.user_id, joined, up_to)
            after = rows[-1][0] if len(rows) == ROWS_AT_ONCE else up_to
        return changed


@dataclass(frozen=True)
class DeviceListsSection:
    """The part of `/sync`."""

    lists: DeviceLists

    @classmethod
    def of(cls, core: Core) -> DeviceListsSection:
        """That of one process."""
        lists, events = core.follower(DEVICE_LISTS), core.follower(EVENTS)
        recent, moves = RecentLists(lists.position), RecentMoves(events.position)
        lists.subscribe(recent.receive)
        events.subscribe(moves.receive)
        return cls(DeviceLists(core.db, Neighbours(core.read_sides[ROOMS_READ].members, moves), recent))

    async def collect(self, window: Window) -> Parts | None:
        if window.after is None or window.events_after is None:
            return None  # "only present on an incremental sync"
        stretch = Stretch(
            window.user_id,
            (window.after, window.up_to),
            (window.events_after, window.events_up_to),
            window.joined,
            window.newly_joined,
            window.newly_left,
        )
        told = await self.lists.told(stretch)
        return Parts(fields={"device_lists": told.to_json()}) if told.changed or told.left else None


SECTION = Section("dl", DEVICE_LISTS, concerns=concerned_by, open=DeviceListsSection.of, every_time=True)
