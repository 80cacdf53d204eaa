"""Which rooms a search is about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.event import StateKey
from hs_core.matrix.filters import RoomEventFilter
from hs_core.matrix.identifiers import RoomId, UserId, parse_room_id
from hs_plugins.rooms.api import RoomsRead

MOST_NAMED: Final = 100
"""Rooms of a filter that are searched although the searcher has never been in them, and whose predecessors are."""
MOST_PREDECESSORS: Final = 10
"""Of one room."""

_CREATE: Final[StateKey] = ("m.room.create", "")


async def rooms_to_search(read: RoomsRead, user: UserId, wanted: RoomEventFilter) -> frozenset[RoomId]:
    """ "all rooms that the user has been in, including those that they have left", as far as the filter allows them.

    A room that the filter names is searched together with those that it replaced ("Room Upgrades"), as clients show
    them as one; and if it is world-readable, by those who have never been in it ("Room Previews"). Whether the user may
    look at a room at all is found out when something in it matches.
    """
    own = {each.room_id for each in await read.members.of_user(user) if not each.forgotten}
    if wanted.rooms is None:
        return frozenset(room_id for room_id in own if wanted.allows_room(room_id))
    named = sorted(RoomId(each) for each in wanted.rooms if wanted.allows_room(RoomId(each)))
    chosen = {room_id for room_id in named if room_id in own} | set(named[:MOST_NAMED])
    before = await _predecessors(read, [room_id for room_id in named if room_id in own][:MOST_NAMED])
    return frozenset(chosen | {room_id for room_id in before if room_id in own and not wanted.excludes_room(room_id)})


async def _predecessors(read: RoomsRead, room_ids: Iterable[RoomId]) -> set[RoomId]:
    found: set[RoomId] = set()
    now = set(room_ids)
    for _ in range(MOST_PREDECESSORS):
        now = {before for room_id in now if (before := await _predecessor(read, room_id)) is not None} - found
        if not now:
            break
        found |= now
    return found


async def _predecessor(read: RoomsRead, room_id: RoomId) -> RoomId | None:
    info = (await read.members.rooms([room_id])).get(room_id)
    create = None if info is None else await read.states.event(info.state, _CREATE)
    predecessor = None if create is None else create.event.content.get("predecessor")
    try:
        return parse_room_id(predecessor.get("room_id")) if isinstance(predecessor, dict) else None
    except ProtocolError:
        return None
