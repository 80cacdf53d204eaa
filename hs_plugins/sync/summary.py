"""Room summaries: who is in a room, for clients that do not know its members ("RoomSummary")."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import orjson

from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.matrix.room_summary import MAX_HEROES
from hs_plugins.rooms.api import EventRow, RoomsRead
from hs_plugins.sync.plans import previous_membership
from hs_plugins.sync.timeline import Timeline

_NAMES = (("m.room.name", ""), ("m.room.canonical_alias", ""))


class Summary(NamedTuple):
    """What a client is told of a room's members."""

    heroes: tuple[UserId, ...] | None
    """`None` for a room that has a name, by which it goes."""
    joined: int
    invited: int

    def to_json(self) -> dict[str, Any]:
        counts: dict[str, Any] = {"m.joined_member_count": self.joined, "m.invited_member_count": self.invited}
        return counts if self.heroes is None else {"m.heroes": self.heroes, **counts}


async def summarise(timelines: Collection[Timeline], user_id: UserId, read: RoomsRead) -> Mapping[RoomId, Summary]:
    """The summaries of those joined rooms whose members, or names, are new to the client."""
    wanted = {each.span.plan.room_id: each.span.end for each in timelines if _is_news(each)}
    if not wanted:
        return {}
    named = {room_id for room_id, state in wanted.items() if await _has_name(state, read)}
    crowds = await read.members.crowds(wanted, user_id, MAX_HEROES, named=named)
    return {
        room_id: Summary(None if room_id in named else tuple(crowd.first), crowd.joined, crowd.invited)
        for room_id, crowd in crowds.items()
    }


def _is_news(timeline: Timeline) -> bool:
    plan = timeline.span.plan
    if plan.membership != "join":
        return False
    return plan.full or timeline.span.gap or any(_changes_membership(placed.row) for placed in timeline.span.rows)


def _changes_membership(row: EventRow) -> bool:
    return row.membership is not None and row.membership != previous_membership(row)


async def _has_name(state: bytes, read: RoomsRead) -> bool:
    """Heroes are "required if the room's `m.room.name` or `m.room.canonical_alias` state events are unset or empty"."""
    found = await read.states.lookup(state, _NAMES)
    events = await read.timelines.rows(list(found.values()))
    contents = [orjson.loads(row.client_json)["content"] for row in events.values()]
    return any(content.get("name") or content.get("alias") for content in contents)
