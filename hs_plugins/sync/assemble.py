"""The response to `/sync`, from the rooms that it has to speak of to its bytes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from hs_core.matrix.identifiers import RoomId
from hs_core.streams.token import EVENTS_KEY, format_token
from hs_plugins.rooms.api import RoomsRead
from hs_plugins.sync.follow import Following
from hs_plugins.sync.gather import Gatherer, RoomNews
from hs_plugins.sync.invites import strip
from hs_plugins.sync.plans import Plans, plan
from hs_plugins.sync.rendering import Renderer
from hs_plugins.sync.sections import Collected, Neighbours, Sections
from hs_plugins.sync.timeline import passes
from hs_plugins.sync.views import UserView
from hs_plugins.sync.wanted import RoomPlan, Wanted


@dataclass(frozen=True, slots=True)
class Answer:
    """The response to one sync, as of `positions`."""

    body: bytes
    positions: Mapping[str, int]
    news: bool


@dataclass(slots=True)
class News:
    """Everything that is new to one client."""

    positions: dict[str, int]
    plans: Plans
    rooms: list[RoomNews]
    collected: Collected

    @property
    def is_reason_to_answer(self) -> bool:
        return self.collected.news or bool(self.rooms or self.plans.invited or self.plans.knocked)


@dataclass(frozen=True)
class Assembler:
    """Makes responses."""

    following: Following
    read: RoomsRead
    sections: Sections
    gatherer: Gatherer

    async def news(self, wanted: Wanted, view: UserView, *, final: bool) -> News:
        """Everything that is new to the client. `final` if it is sent, whether there is anything new or not."""
        positions = self.following.positions()
        plans = await plan(wanted, view, self.following.recent, self.read, positions[EVENTS_KEY])
        if plans.invited:
            # "Servers must not send room invites from ignored users to clients."
            ignored = await self.gatherer.ignored_by(wanted.user_id)
            plans.invited = [one for one in plans.invited if one.sender not in ignored]
        rooms = await self.gatherer.rooms(plans.rooms, wanted, positions[EVENTS_KEY])
        rooms = [room for room in rooms if room.is_news]
        final = final or bool(rooms or plans.invited or plans.knocked)
        collected = await self.collect(wanted, view, rooms, positions, plans.rooms, final=final)
        return News(positions, plans, rooms, collected)

    async def collect(
        self,
        wanted: Wanted,
        view: UserView,
        rooms: Collection[RoomNews],
        positions: dict[str, int],
        plans: Collection[RoomPlan] = (),
        *,
        final: bool = True,
    ) -> Collected:
        """What the sections say, besides what is said of rooms. Moves `positions` back where one stopped early."""
        neighbours = Neighbours(
            joined=view.joined,
            newly_joined=[each.room_id for each in plans if each.newly_joined],
            newly_left=[each.room_id for each in plans if each.membership != "join" and each.was_joined],
            shown=[room.room_id for room in rooms if room.is_joined],
        )
        return await self.sections.collect(wanted, view, neighbours, positions, final=final)

    async def answer(self, wanted: Wanted, view: UserView, *, final: bool) -> Answer:
        """The response of `/sync`."""
        news = await self.news(wanted, view, final=final)
        body: dict[str, Any] = {"next_batch": format_token(news.positions), **news.collected.top}
        if rooms := await self._write_rooms(news, wanted):
            body["rooms"] = rooms
        return Answer(orjson.dumps(body), news.positions, news.is_reason_to_answer)

    async def _write_rooms(self, news: News, wanted: Wanted) -> dict[str, Any]:
        if not news.is_reason_to_answer and not news.collected.rooms:
            return {}
        renderer = await self.gatherer.renderer(news.rooms, wanted)
        joined = {room.room_id: _write(room, renderer) for room in news.rooms if room.is_joined}
        for room_id, keys in news.collected.rooms.items():
            joined.setdefault(room_id, _quiet(wanted)).update(keys)
        written: dict[str, Any] = {
            "join": joined,
            "leave": {room.room_id: _write(room, renderer) for room in news.rooms if not room.is_joined},
            "invite": _under("invite_state", await strip(news.plans.invited, self.read, renderer)),
            "knock": _under("knock_state", await strip(news.plans.knocked, self.read, renderer)),
        }
        return {membership: rooms for membership, rooms in written.items() if rooms}


def _write(room: RoomNews, renderer: Renderer) -> dict[str, Any]:
    timeline, wanted = room.timeline, renderer.wanted
    rows = [renderer.rows[event_id] for event_id in room.state.values() if event_id in renderer.rows]
    state = [renderer.state(row) for row in rows if passes(row, wanted.filter.room.state)]
    written = _quiet(wanted)
    written["timeline"] = {
        "events": [renderer.timeline(shown) for shown in timeline.events],
        "limited": timeline.limited,
        "prev_batch": timeline.prev_batch or format_token(wanted.since or {EVENTS_KEY: room.plan.up_to}),
    }
    written["state_after" if wanted.state_after else "state"] = {"events": state}
    if room.summary is not None:
        written["summary"] = room.summary.to_json()
    if not room.is_joined:
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
