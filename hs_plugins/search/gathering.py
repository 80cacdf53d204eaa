"""Find what matches and what the searcher may see, the newest first, within bounds of work and time.

The index is asked for a stretch of the stream at a time: short at first, as words that everybody uses have many matches
in it, then longer and longer while there are few. What it names is looked at as the event is now: one that was redacted
or purged is no result, whatever the index says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from hs_core.clock import Clock
from hs_core.db import Database
from hs_core.errors import Forbidden
from hs_core.matrix.event import StateKey
from hs_core.matrix.identifiers import EventId, RoomId
from hs_plugins.rooms.api import Place, Reader, RoomsRead, StoredEvent, View
from hs_plugins.search import store
from hs_plugins.search.values import Gathered, Hit, Stretch, Text, Wanted
from hs_plugins.search.words import rank

SECONDS: Final = 1.5
"""After which a search answers with what it has; the client can go on from there."""
MOST_EXAMINED: Final = 5_000
"""Texts of one search that match."""
AT_ONCE: Final = 200
STRETCH: Final = 50_000
"""Positions of the stream: how many the index is asked about first."""

_ENCRYPTION: Final[StateKey] = ("m.room.encryption", "")


@dataclass
class Gatherer:
    """For one request."""

    db: Database
    read: RoomsRead
    clock: Clock
    reader: Reader
    views: dict[RoomId, View | None] = field(default_factory=dict)
    """What the searcher may look at of rooms; `None` for those that are not searched."""
    _gone: list[EventId] = field(default_factory=list)

    async def gather(self, wanted: Wanted, up_to: int, most: int) -> Gathered:
        """Up to `most` hits at this position of the stream or before it."""
        bounds = await self.db.read(store.bounds)
        if bounds is None or not wanted.rooms or not wanted.phrases:
            return Gathered([], None)
        first, high = bounds[0], min(up_to, bounds[1])
        deadline, examined, stretch = self.clock.monotonic() + SECONDS, 0, STRETCH
        hits: list[Hit] = []
        while high >= first and len(hits) <= most and examined < MOST_EXAMINED and self.clock.monotonic() < deadline:
            low = max(high - stretch, first - 1)
            texts = await self.db.read(partial(store.find, wanted=wanted, stretch=Stretch(low, high), limit=AT_ONCE))
            examined += len(texts)
            hits += await self._hits(wanted, texts)
            if len(texts) == AT_ONCE:
                high = texts[-1].position - 1
            else:
                high, stretch = low, stretch * 4
        await self._forget_what_is_gone()
        if len(hits) > most:
            return Gathered(hits[:most], hits[most - 1].position - 1 if most else high)
        return Gathered(hits, high if high >= first else None)

    async def view(self, room_id: RoomId) -> View | None:
        """What the searcher may look at of a room. "The search will *not* include rooms that are end to end
        encrypted."
        """
        if room_id not in self.views:
            self.views[room_id] = await self._view(room_id)
        return self.views[room_id]

    async def visible(self, view: View, events: Sequence[StoredEvent]) -> list[StoredEvent]:
        """Those of the events of one room that the searcher may see, and wants to see of whom they ignore."""
        until = view.until
        events = [one for one in events if one.event.is_state or one.event.sender not in self.reader.ignored]
        if until is not None:
            events = [one for one in events if Place(one.event.depth, one.position or 0) <= until]
        may_see = await self.read.timelines.visible(self.reader.user_id, events, joined=view.is_member)
        return [one for one, may in zip(events, may_see, strict=True) if may]

    async def _view(self, room_id: RoomId) -> View | None:
        try:
            view = await self.read.views.of(self.reader.user_id, room_id)
        except Forbidden:
            return None
        return None if await self.read.states.lookup(view.room.state, [_ENCRYPTION]) else view

    async def _hits(self, wanted: Wanted, texts: Sequence[Text]) -> list[Hit]:
        ranks = {
            text.event_id: ranked
            for text in texts
            if text.key in wanted.keys and (ranked := rank(wanted.phrases, text.words)) is not None
        }
        events = await self.read.timelines.events(ranks.keys())
        there = {event_id: one for event_id, one in events.items() if one.redacted_by is None}
        self._gone += ranks.keys() - there.keys()
        by_room: dict[RoomId, list[StoredEvent]] = {}
        for one in there.values():
            event = one.event
            in_timeline = one.position is not None
            if in_timeline and wanted.filter.allows_event(event.type, event.sender, event.content):
                by_room.setdefault(event.room_id, []).append(one)
        seen = await self._seen(by_room)
        found = [text for text in texts if text.event_id in seen]
        return [Hit(seen[text.event_id], text.position, ranks[text.event_id]) for text in found]

    async def _seen(self, by_room: Mapping[RoomId, Sequence[StoredEvent]]) -> dict[EventId, StoredEvent]:
        seen: dict[EventId, StoredEvent] = {}
        for room_id, events in by_room.items():
            if (view := await self.view(room_id)) is not None:
                seen |= {one.event.event_id: one for one in await self.visible(view, events)}
        return seen

    async def _forget_what_is_gone(self) -> None:
        """Purged or redacted, and in the index still: nobody has told."""
        if self._gone:
            await self.db.write(partial(store.remove, event_ids=self._gone))
            self._gone = []
