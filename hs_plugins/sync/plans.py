"""Which rooms a response has to speak of: those where something happened, or the user's membership changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import orjson

from hs_core.matrix.identifiers import RoomId, UserId
from hs_plugins.rooms.api import EventRow, Membership, RoomsRead
from hs_plugins.sync.recent import Recent
from hs_plugins.sync.views import UserView
from hs_plugins.sync.wanted import RoomPlan, Wanted

LEFT = frozenset(("leave", "ban"))
OwnRows: TypeAlias = Sequence[tuple[int, EventRow]]
"""A user's own member events in one room by position, the oldest first."""


@dataclass(slots=True)
class Plans:
    """The rooms of a response by what becomes of them."""

    rooms: list[RoomPlan] = field(default_factory=list)
    """Rooms that the user is in, or has left."""
    invited: list[Membership] = field(default_factory=list)
    knocked: list[Membership] = field(default_factory=list)


def previous_membership(row: EventRow) -> str:
    """The membership that a member event replaced."""
    content = orjson.loads(row.prev_content) if row.prev_content else {}
    membership = content.get("membership") if isinstance(content, dict) else None
    return membership if isinstance(membership, str) else "leave"


async def plan(wanted: Wanted, view: UserView, recent: Recent, read: RoomsRead, up_to: int) -> Plans:
    """The rooms for this request, as of the position `up_to`, which is where this process is now."""
    since = wanted.events_since
    if since is None:
        return await _initial(wanted, list(view.rooms.values()), read, up_to)
    if since >= recent.horizon:
        candidates = [view.rooms[room_id] for room_id in recent.rooms_after(since, view.rooms)]
        changed = [one.room_id for one in candidates if one.position > since]
        own: Mapping[RoomId, OwnRows] = {
            room_id: _own_rows(recent, room_id, view.user_id, since) for room_id in changed
        }
    else:
        candidates = await _candidates_stored(list(view.rooms.values()), read, since)
        changed = [one.room_id for one in candidates if one.position > since]
        own = await read.timelines.own_memberships(view.user_id, changed, since, up_to)
    if wanted.full_state:
        seen = {one.room_id for one in candidates}
        candidates += [one for one in view.rooms.values() if one.membership == "join" and one.room_id not in seen]
    plans = Plans()
    for membership in candidates:
        if wanted.filter.room.allows_room(membership.room_id):
            _add(plans, wanted.full_state, membership, own.get(membership.room_id, ()), (since, up_to))
    return plans


def _own_rows(recent: Recent, room_id: RoomId, user_id: UserId, since: int) -> OwnRows:
    return [
        (placed.position, placed.row)
        for placed in recent.rooms[room_id].after(since)
        if placed.row.state_key == user_id and placed.row.type == "m.room.member"
    ]


async def _initial(wanted: Wanted, memberships: Sequence[Membership], read: RoomsRead, up_to: int) -> Plans:
    """Everything that the user is in or invited to; what they have left, if they want to see that."""
    plans = Plans()
    shown = [one for one in memberships if wanted.filter.room.allows_room(one.room_id)]
    for one in shown:
        if one.membership == "join":
            plans.rooms.append(RoomPlan(one.room_id, "join", 0, up_to, full=True))
        elif one.membership == "invite":
            plans.invited.append(one)
        elif one.membership == "knock":
            plans.knocked.append(one)
    if wanted.filter.room.include_leave:
        # Forgetting a room is no event, so only the database knows.
        stored = await read.members.of_user(wanted.user_id, tuple(LEFT))
        forgotten = {one.room_id for one in stored if one.forgotten}
        left = [one for one in shown if one.membership in LEFT and one.room_id not in forgotten]
        own = await read.timelines.own_memberships(wanted.user_id, [one.room_id for one in left], 0, up_to)
        plans.rooms += [departed(one, own.get(one.room_id, ()), 0, full=True) for one in left]
    return plans


async def _candidates_stored(memberships: Iterable[Membership], read: RoomsRead, since: int) -> list[Membership]:
    """The memberships that changed after a position, and those of joined rooms in which something happened."""
    rooms = await read.members.rooms([one.room_id for one in memberships if one.membership == "join"])
    return [
        one
        for one in memberships
        if one.position > since or ((room := rooms.get(one.room_id)) is not None and room.position > since)
    ]


def _add(plans: Plans, full_state: bool, one: Membership, own: OwnRows, window: tuple[int, int]) -> None:
    """A room in which something happened since the client's last sync."""
    since, up_to = window
    changed = one.position > since
    before = previous_membership(own[0][1]) if own else ("leave" if changed else one.membership)
    after = since if before == "join" else 0
    if one.membership == "join":
        # "The room was left and joined again": what the client knew of its state may be out of date.
        away = changed and (before != "join" or any(row.membership != "join" for _, row in own))
        full = away or full_state
        plans.rooms.append(RoomPlan(one.room_id, "join", after, up_to, full=full, newly_joined=away, changed=changed))
    elif changed and one.membership == "invite":
        plans.invited.append(one)
    elif changed and one.membership == "knock":
        plans.knocked.append(one)
    elif changed:
        plans.rooms.append(departed(one, own, after, full=before != "join" or full_state))


def departed(one: Membership, own: OwnRows, after: int, *, full: bool) -> RoomPlan:
    """A room that the user is not in any more: "they may see any events which they were allowed to see before they left
    the room, but no events received after they left".

    Of a room in which they were not, they are told of nothing but that.
    """
    ends = [at for at, row in own if row.membership != "join" and previous_membership(row) == "join"]
    if not ends:
        return RoomPlan(
            one.room_id, one.membership, one.position - 1, one.position, full=False, was_joined=False, changed=True
        )
    return RoomPlan(one.room_id, one.membership, after, ends[-1], full=full, changed=True)
