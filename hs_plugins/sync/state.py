"""What a client must be told of a room's state besides the timeline: at its start (`state`) or end (`state_after`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from hs_core.matrix.event import StateKey
from hs_core.matrix.identifiers import EventId, UserId
from hs_plugins.rooms.api import RoomsRead, States
from hs_plugins.sync.lazy import ToldMembers
from hs_plugins.sync.timeline import Timeline
from hs_plugins.sync.wanted import Wanted

StateIds = dict[StateKey, EventId]
MEMBER = "m.room.member"


async def state_delta(timeline: Timeline, states: States, *, after: bool, lazily: bool = False) -> StateIds:
    """The events that bring the client's state to where the timeline begins, or ends (`after`).

    `lazily`: if it is the whole state, without its members, of whom `LazyMembers` adds those that the client needs.
    """
    span = timeline.span
    end = span.end if after else span.state_before(timeline.first)
    if span.plan.full and lazily:
        delta = dict(await states.besides_members(end)) if end else {}
    else:
        delta = await _difference(None if span.plan.full else span.start, end, states)
    if not after:
        delta.update(await _unseen(timeline, end, states))
    return delta


async def _difference(old: bytes | None, new: bytes, states: States) -> StateIds:
    if old == new or not new:
        return {}
    if not old:
        return dict(await states.ids(new))
    changes = await states.difference(old, new)
    return {key: event_id for key, event_id in changes.items() if event_id is not None}


async def _unseen(timeline: Timeline, start: bytes, states: States) -> StateIds:
    """What changes the state from the start of the timeline on, but is not in it: events that a filter left out, and
    what was decided where branches met. A client that applies the timeline to the state then arrives where the room is.
    """
    span = timeline.span
    if start == span.end or (
        len(timeline.events) == len(span.rows) - timeline.first and span.continues(timeline.first)
    ):
        return {}
    seen = {(shown.row.type, shown.row.state_key) for shown in timeline.events}
    return {key: event_id for key, event_id in (await _difference(start, span.end, states)).items() if key not in seen}


@dataclass(frozen=True, slots=True)
class LazyMembers:
    """Leaves out the members that the client does not need yet."""

    told: ToldMembers
    read: RoomsRead

    async def only_needed(
        self, delta: StateIds, timeline: Timeline, wanted: Wanted, heroes: Collection[UserId], position: int
    ) -> StateIds:
        """The delta without members who said nothing and did not change, and with those whom the client needs."""
        span, plan = timeline.span, timeline.span.plan
        needed = {shown.row.sender for shown in timeline.events} | set(heroes)
        if plan.full:
            # "servers MUST include the syncing user's own membership event when they join a room, or when the full
            # state of rooms is requested"
            needed.add(wanted.user_id)
            kept = {key: each for key, each in delta.items() if key[0] != MEMBER or key[1] in needed}
        else:
            # "When a sync is `limited`, the server MUST return membership events for events in the gap"
            kept = dict(delta)
        root = span.end if wanted.state_after else span.state_before(timeline.first)
        absent = [(MEMBER, user_id) for user_id in needed if (MEMBER, user_id) not in kept]
        if absent and root:
            found = await self.read.states.lookup(root, absent)
            kept.update(self._new_to_client(found, timeline, wanted))
        self._tell(kept, timeline, wanted, position)
        return kept

    def _new_to_client(self, found: Mapping[StateKey, EventId], timeline: Timeline, wanted: Wanted) -> StateIds:
        since = wanted.events_since
        plan = timeline.span.plan
        if since is None or plan.full or wanted.filter.room.state.include_redundant_members:
            return dict(found)
        members = {UserId(key[1]): event_id for key, event_id in found.items()}
        device = (wanted.user_id, wanted.device_id)
        redundant = self.told.redundant(device, plan.room_id, members, since)
        return {key: event_id for key, event_id in found.items() if key[1] not in redundant}

    def _tell(self, kept: StateIds, timeline: Timeline, wanted: Wanted, position: int) -> None:
        members = {UserId(key[1]): event_id for key, event_id in kept.items() if key[0] == MEMBER}
        for shown in timeline.events:
            if shown.row.type == MEMBER and shown.row.state_key is not None:
                members[UserId(shown.row.state_key)] = shown.row.event_id
        self.told.tell((wanted.user_id, wanted.device_id), timeline.span.plan.room_id, members, position)
