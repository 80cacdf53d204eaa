"""Rooms as `/initialSync` and `/rooms/{roomId}/initialSync` show them, from before there was `/sync`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from hs_core.errors import Forbidden
from hs_core.matrix.event import StateKey
from hs_core.matrix.history_visibility import HistoryVisibility
from hs_core.matrix.identifiers import EventId, RoomId
from hs_core.streams.token import EVENTS_KEY, format_token
from hs_plugins.directory.api import DirectoryRead
from hs_plugins.rooms.api import Membership, RoomsRead
from hs_plugins.sync.assemble import Assembler
from hs_plugins.sync.gather import RoomNews
from hs_plugins.sync.plans import LEFT, departed
from hs_plugins.sync.rendering import Renderer
from hs_plugins.sync.sections import Collected
from hs_plugins.sync.views import UserView
from hs_plugins.sync.wanted import RoomPlan, Wanted

VISIBILITY: StateKey = ("m.room.history_visibility", "")


async def is_world_readable(room_id: RoomId, read: RoomsRead) -> bool:
    """Whether everybody may see what happens in a room now."""
    room = (await read.members.rooms([room_id])).get(room_id)
    event = await read.states.event(room.state, VISIBILITY) if room else None
    return HistoryVisibility.from_content(event.event.content if event else None) is HistoryVisibility.WORLD_READABLE


@dataclass(frozen=True)
class Snapshots:
    """Everything at once."""

    assembler: Assembler
    read: RoomsRead
    directory: DirectoryRead

    async def everything(self, wanted: Wanted, view: UserView) -> dict[str, Any]:
        """`GET /initialSync`: all rooms of the user."""
        wanted = replace(wanted, state_after=True)
        news = await self.assembler.news(wanted, view, final=True)
        renderer = await self.assembler.gatherer.renderer(news.rooms, wanted, with_room_id=True)
        published = await self.directory.published_among([room.room_id for room in news.rooms])
        rooms = [_room(room, renderer, news.collected, format_token(news.positions), published) for room in news.rooms]
        top = news.collected.top
        return {
            "end": format_token(news.positions),
            "rooms": rooms + await self._invites([*news.plans.invited, *news.plans.knocked], renderer),
            "presence": top.get("presence", {}).get("events", []),
            "account_data": top.get("account_data", {}).get("events", []),
            "receipts": _receipts(news.collected),
        }

    async def of_room(self, room_id: RoomId, wanted: Wanted, view: UserView) -> dict[str, Any]:
        """`GET /rooms/{roomId}/initialSync`: a room that the user is in, was in, or may look into.

        Raises Forbidden for others.
        """
        wanted = replace(wanted, state_after=True)
        positions = self.assembler.following.positions()
        plan = await self._plan(room_id, view, positions[EVENTS_KEY])
        (room,) = await self.assembler.gatherer.rooms([plan], wanted, positions[EVENTS_KEY])
        renderer = await self.assembler.gatherer.renderer([room], wanted, with_room_id=True)
        collected = await self.assembler.collect(wanted, view, [room], positions)
        published = await self.directory.published_among([room_id])
        shown = _room(room, renderer, collected, format_token(positions), published)
        if room_id not in view.rooms:
            del shown["membership"]
        presence = collected.top.get("presence", {}).get("events", []) if plan.membership == "join" else []
        return {**shown, "presence": presence, "receipts": []}

    async def _plan(self, room_id: RoomId, view: UserView, up_to: int) -> RoomPlan:
        one = view.rooms.get(room_id)
        if one is not None and one.membership == "join":
            return RoomPlan(room_id, "join", 0, up_to, full=True, changed=True)
        if one is not None and one.membership in LEFT:
            stored = await self.read.members.membership(room_id, view.user_id)
            own = await self.read.timelines.own_memberships(view.user_id, [room_id], 0, up_to)
            plan = departed(one, own.get(room_id, ()), 0, full=True)
            if plan.was_joined and stored is not None and not stored.forgotten:
                return plan
        if await is_world_readable(room_id, self.read):
            return RoomPlan(room_id, "leave", 0, up_to, full=True, changed=True)
        raise Forbidden("You are not in this room, and it is not open to everybody")

    async def _invites(self, memberships: Sequence[Membership], renderer: Renderer) -> list[dict[str, Any]]:
        rows = await self.read.timelines.rows([one.event_id for one in memberships])
        return [
            {
                "room_id": one.room_id,
                "membership": one.membership,
                "inviter": one.sender,
                "invite": renderer.state(rows[one.event_id]),
            }
            for one in memberships
            if one.event_id in rows
        ]


def _room(
    room: RoomNews, renderer: Renderer, collected: Collected, end: str, published: Collection[RoomId]
) -> dict[str, Any]:
    parts = collected.rooms.get(room.room_id, {})
    state: list[EventId] = [event_id for event_id in room.state.values() if event_id in renderer.rows]
    return {
        "room_id": room.room_id,
        "membership": room.plan.membership,
        "visibility": "public" if room.room_id in published else "private",
        "messages": {
            "start": room.timeline.prev_batch or end,
            "end": end,
            "chunk": [renderer.timeline(shown) for shown in room.timeline.events],
        },
        "state": [renderer.state(renderer.rows[event_id]) for event_id in state],
        "account_data": parts.get("account_data", {}).get("events", []),
    }


def _receipts(collected: Collected) -> list[dict[str, Any]]:
    """Read receipts of all rooms."""
    found = []
    for room_id, parts in collected.rooms.items():
        for fragment in parts.get("ephemeral", {}).get("events", []):
            event = orjson.loads(orjson.dumps(fragment))
            if event["type"] == "m.receipt":
                found.append({**event, "room_id": room_id})
    return found
