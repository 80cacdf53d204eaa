"""A response, from the rooms that it has to speak of to its bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from hs_core.clock import Clock
from hs_core.matrix.filters import EventFormat
from hs_core.matrix.identifiers import EventId, RoomId
from hs_core.streams.token import EVENTS_KEY, format_token
from hs_plugins.rooms.api import EventRow, RoomsRead
from hs_plugins.sync.follow import Following
from hs_plugins.sync.invites import strip
from hs_plugins.sync.lazy import ToldMembers
from hs_plugins.sync.plans import Plans, plan
from hs_plugins.sync.previous import with_visible_previous
from hs_plugins.sync.rendering import Renderer
from hs_plugins.sync.sections import Collected, RoomNews, Sections
from hs_plugins.sync.spans import Span, read_spans, take_live
from hs_plugins.sync.state import LazyMembers, StateIds, state_delta
from hs_plugins.sync.summary import Summary, summarise
from hs_plugins.sync.timeline import Timeline, choose, passes
from hs_plugins.sync.views import UserView
from hs_plugins.sync.wanted import Wanted

DEFAULT_LIMIT: Final = 10
MAX_LIMIT: Final = 100
"""Events of one timeline."""
SECOND_LOOK: Final = 500
"""Events that are looked at when most of the first were not to be shown."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The response to one sync, as of `positions`."""

    body: bytes
    positions: Mapping[str, int]
    news: bool


@dataclass(slots=True)
class _Room:
    """All that is said of one room."""

    timeline: Timeline
    state: StateIds
    summary: Summary | None


@dataclass(frozen=True)
class Assembler:
    """Makes responses."""

    following: Following
    read: RoomsRead
    sections: Sections
    clock: Clock
    told: ToldMembers

    async def answer(self, wanted: Wanted, view: UserView, *, final: bool) -> Answer:
        """Everything that is new to the client. `final` if it is sent, whether there is anything new or not."""
        positions = self.following.positions()
        up_to = positions[EVENTS_KEY]
        plans = await plan(wanted, view, self.following.recent, self.read, up_to)
        spans, rest = take_live(plans.rooms, self.following.recent)
        limit = wanted.filter.room.timeline.page_size(DEFAULT_LIMIT, MAX_LIMIT)
        spans += await read_spans(rest, self.read, limit) if rest else []
        timelines = [await self._timeline(span, wanted, limit) for span in spans]
        rooms = await self._rooms(timelines, wanted, up_to)
        shown = [room for room in rooms if self._is_shown(room, wanted)]
        news = RoomNews(
            joined=view.joined,
            newly_joined=[each.room_id for each in plans.rooms if each.newly_joined],
            newly_left=[each.room_id for each in plans.rooms if each.membership != "join" and each.was_joined],
            shown=[_id(room) for room in shown if _is_joined(room)],
        )
        collected = await self.sections.collect(wanted, view, news, positions, final=final)
        renderer = await self._renderer(shown, wanted)
        body: dict[str, Any] = {"next_batch": format_token(positions), **collected.top}
        if written := await self._write_rooms(shown, plans, renderer, collected):
            body["rooms"] = written
        has_news = collected.news or bool(shown or plans.invited or plans.knocked)
        return Answer(orjson.dumps(body), positions, has_news)

    async def _timeline(self, span: Span, wanted: Wanted, limit: int) -> Timeline:
        chosen = await choose(span, wanted.user_id, wanted.filter.room.timeline, limit, self.read)
        if not span.gap or len(chosen.events) >= limit or wanted.filter.room.timeline.blocks_everything:
            return chosen
        (wider,) = await read_spans([span.plan], self.read, SECOND_LOOK)
        return await choose(wider, wanted.user_id, wanted.filter.room.timeline, limit, self.read)

    async def _rooms(self, timelines: Sequence[Timeline], wanted: Wanted, up_to: int) -> list[_Room]:
        states, lazy = self.read.states, LazyMembers(self.told, self.read)
        full = [timeline.span.state_before(timeline.first) for timeline in timelines if timeline.span.plan.full]
        await states.prepare([root for root in full if root])
        summaries = await summarise(timelines, wanted.user_id, self.read)
        if wanted.since is None:
            self.told.restart(wanted.user_id, wanted.device_id)
        rooms = []
        for timeline in timelines:
            room_id = timeline.span.plan.room_id
            summary = summaries.get(room_id)
            delta: StateIds = {}
            if wanted.filter.room.state.allows_room(room_id) and timeline.span.plan.was_joined:
                delta = await state_delta(timeline, states, after=wanted.state_after)
                if wanted.filter.room.state.lazy_load_members:
                    heroes = (summary.heroes if summary else None) or ()
                    delta = await lazy.only_needed(delta, timeline, wanted, heroes, up_to)
            rooms.append(_Room(timeline, delta, summary))
        return rooms

    def _is_shown(self, room: _Room, wanted: Wanted) -> bool:
        return bool(room.timeline.events or room.state or room.timeline.span.plan.full)

    async def _renderer(self, rooms: Sequence[_Room], wanted: Wanted) -> Renderer:
        timelines = self.read.timelines
        renderer = Renderer(wanted, self.clock.now_ms())
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

    async def _write_rooms(
        self, rooms: Sequence[_Room], plans: Plans, renderer: Renderer, collected: Collected
    ) -> dict[str, Any]:
        joined: dict[RoomId, Any] = {}
        left: dict[RoomId, Any] = {}
        for room in rooms:
            (joined if _is_joined(room) else left)[_id(room)] = _write(room, renderer)
        for room_id, keys in collected.rooms.items():
            joined.setdefault(room_id, _quiet(renderer.wanted)).update(keys)
        written: dict[str, Any] = {
            "join": joined,
            "leave": left,
            "invite": _under("invite_state", await strip(plans.invited, self.read, renderer)),
            "knock": _under("knock_state", await strip(plans.knocked, self.read, renderer)),
        }
        return {membership: rooms for membership, rooms in written.items() if rooms}


def _id(room: _Room) -> RoomId:
    return room.timeline.span.plan.room_id


def _is_joined(room: _Room) -> bool:
    return room.timeline.span.plan.membership == "join"


def _write(room: _Room, renderer: Renderer) -> dict[str, Any]:
    timeline, wanted = room.timeline, renderer.wanted
    events = [renderer.timeline(shown) for shown in timeline.events]
    rows: list[EventRow] = [renderer.rows[event_id] for event_id in room.state.values() if event_id in renderer.rows]
    state = [renderer.state(row) for row in rows if passes(row, wanted.filter.room.state)]
    written = _quiet(wanted)
    prev_batch = timeline.prev_batch or format_token(wanted.since or {EVENTS_KEY: timeline.span.plan.up_to})
    written["timeline"] = {"events": events, "limited": timeline.limited, "prev_batch": prev_batch}
    written["state_after" if wanted.state_after else "state"] = {"events": state}
    if room.summary is not None:
        written["summary"] = room.summary.to_json()
    if not _is_joined(room):
        del written["ephemeral"]
    return written


def _quiet(wanted: Wanted) -> dict[str, Any]:
    """A room of which there is nothing to say. Clients rely on these keys, which no version has made optional."""
    return {
        "timeline": {"events": [], "limited": False, "prev_batch": format_token(wanted.since or {})},
        "state_after" if wanted.state_after else "state": {"events": []},
        "ephemeral": {"events": []},
        "account_data": {"events": []},
    }


def _under(key: str, rooms: dict[RoomId, Any]) -> dict[RoomId, Any]:
    return {room_id: {key: events} for room_id, events in rooms.items()}
