"""What is to be said of rooms: their timelines, their state, who is in them, and all events that this takes."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from hs_core.clock import Clock
from hs_core.matrix.filters import EventFormat
from hs_core.matrix.identifiers import EventId, RoomId, UserId
from hs_core.plugin.hooks import Hooks
from hs_core.plugin.hookspecs import ignored_users
from hs_plugins.rooms.api import RoomsRead
from hs_plugins.sync.lazy import ToldMembers
from hs_plugins.sync.previous import with_visible_previous
from hs_plugins.sync.recent import Recent
from hs_plugins.sync.rendering import Renderer
from hs_plugins.sync.spans import Span, read_spans, take_live
from hs_plugins.sync.state import LazyMembers, StateIds, state_delta
from hs_plugins.sync.summary import Summary, summarise
from hs_plugins.sync.timeline import Choice, Timeline, choose
from hs_plugins.sync.wanted import RoomPlan, Wanted

DEFAULT_LIMIT: Final = 10
MAX_LIMIT: Final = 100
"""Events of one timeline."""
SECOND_LOOK: Final = 500
"""Events that are looked at when most of the first were not to be shown."""
ROOMS_AT_ONCE: Final = 50
"""Rooms that are worked on before others may run: their number is the user's, not ours."""


@dataclass(slots=True)
class RoomNews:
    """All that is said of one room."""

    timeline: Timeline
    state: StateIds
    summary: Summary | None = None

    @property
    def plan(self) -> RoomPlan:
        return self.timeline.span.plan

    @property
    def room_id(self) -> RoomId:
        return self.timeline.span.plan.room_id

    @property
    def is_joined(self) -> bool:
        return self.timeline.span.plan.membership == "join"

    @property
    def is_news(self) -> bool:
        """Whether there is anything to say."""
        return bool(self.timeline.events or self.state or self.timeline.span.plan.full or self.summary)


@dataclass(frozen=True)
class Gatherer:
    """Finds out what plans speak of."""

    recent: Recent
    read: RoomsRead
    clock: Clock
    told: ToldMembers
    hooks: Hooks

    async def ignored_by(self, user_id: UserId) -> Collection[UserId]:
        """Whose events the user does not want to be told of."""
        return await self.hooks.first(ignored_users, user_id) or ()

    async def rooms(self, plans: Collection[RoomPlan], wanted: Wanted, up_to: int) -> list[RoomNews]:
        """What is said of the rooms; `up_to` is the position at which the response ends.

        What memory knows is taken before anything is waited for.
        """
        spans, rest = take_live(plans, self.recent)
        limit = wanted.filter.room.timeline.page_size(DEFAULT_LIMIT, MAX_LIMIT)
        if rest:
            spans += await read_spans(rest, self.read, limit)
        ignored = await self.ignored_by(wanted.user_id)
        timelines = []
        for number, span in enumerate(spans, 1):
            timelines.append(await self._timeline(span, wanted, ignored, limit))
            if number % ROOMS_AT_ONCE == 0:
                await asyncio.sleep(0)
        if wanted.since is None:
            self.told.restart((wanted.user_id, wanted.device_id))
        full = [each for each in timelines if each.span.plan.full]
        if full:
            roots = {each.span.end if wanted.state_after else each.span.state_before(each.first) for each in full}
            await self.read.states.prepare([root for root in roots if root])
        summaries = await summarise(timelines, wanted.user_id, self.read)
        rooms = []
        for number, timeline in enumerate(timelines, 1):
            summary = summaries.get(timeline.span.plan.room_id)
            rooms.append(RoomNews(timeline, await self._state(timeline, summary, wanted, up_to), summary))
            if number % ROOMS_AT_ONCE == 0:
                await asyncio.sleep(0)
        return rooms

    async def renderer(self, rooms: Sequence[RoomNews], wanted: Wanted, *, with_room_id: bool = False) -> Renderer:
        """A renderer that has all events at hand which these rooms need."""
        timelines = self.read.timelines
        renderer = Renderer(wanted, self.clock.now_ms(), with_room_id=with_room_id)
        shown = [shown for room in rooms for shown in room.timeline.events]
        state = [event_id for room in rooms for event_id in room.state.values()]
        stale = [each.row.event_id for each in shown if each.redacted]
        if state or stale:
            renderer.rows = await timelines.rows([*state, *stale])
        redactions = [each.row.redacted_by for each in shown if each.row.redacted_by is not None]
        redactions += [row.redacted_by for row in renderer.rows.values() if row.redacted_by is not None]
        if redactions:
            renderer.redactions = await timelines.rows(redactions)
        if wanted.filter.event_format is EventFormat.FEDERATION:
            ids: list[EventId] = [*state, *(each.row.event_id for each in shown)]
            renderer.pdus = await timelines.events(ids)
        renderer.previous = await with_visible_previous(wanted.user_id, [room.timeline for room in rooms], self.read)
        return renderer

    async def _timeline(self, span: Span, wanted: Wanted, ignored: Collection[UserId], limit: int) -> Timeline:
        choice = Choice(wanted.user_id, wanted.filter.room.timeline, ignored, limit)
        chosen = await choose(span, choice, self.read)
        if not span.gap or len(chosen.events) >= limit or wanted.filter.room.timeline.blocks_everything:
            return chosen
        (wider,) = await read_spans([span.plan], self.read, SECOND_LOOK)
        return await choose(wider, choice, self.read)

    async def _state(self, timeline: Timeline, summary: Summary | None, wanted: Wanted, up_to: int) -> StateIds:
        plan, state = timeline.span.plan, wanted.filter.room.state
        if not plan.was_joined or state.blocks_everything or not state.allows_room(plan.room_id):
            return {}
        lazily = state.lazy_load_members
        delta = await state_delta(timeline, self.read.states, after=wanted.state_after, lazily=lazily)
        if not all(map(state.allows_type, {event_type for event_type, _ in delta})):
            delta = {key: event_id for key, event_id in delta.items() if state.allows_type(key[0])}
        if not lazily:
            return delta
        heroes = (summary.heroes if summary else None) or ()
        return await LazyMembers(self.told, self.read).only_needed(delta, timeline, wanted, heroes, up_to)
