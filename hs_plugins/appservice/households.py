"""Which rooms users of an application service are in, at the moment of an event.

A room is kept at one of its states. The events that follow simply change it, so that nothing is read for them; where
branches meet, the difference between the two states is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from hs_core.cache import LRU
from hs_core.matrix.event import StateKey
from hs_core.matrix.identifiers import EventId, RoomId
from hs_plugins.appservice.registered import Registered
from hs_plugins.rooms.api import EventRow, RoomsRead, StateRoot

MAX_MEMBERS: Final = 50_000
"""Of one service, of all rooms together."""
READ_AT_ONCE: Final = 500
"""Members' events that are read in one query."""

MEMBER: Final = "m.room.member"


@dataclass(slots=True)
class Household:
    """The service's users who are in a room, at one of its states."""

    root: StateRoot
    members: set[str]


class Households:
    """The rooms of one service."""

    def __init__(self, registered: Registered, read: RoomsRead) -> None:
        self._registered = registered
        self._read = read
        self._rooms: LRU[RoomId, Household] = LRU(MAX_MEMBERS, lambda room: 1 + len(room.members))

    async def has_member(self, row: EventRow) -> bool:
        """Whether one of the users is in the room once the event has become part of it."""
        if not row.room_state:  # it is not known yet
            return await self.has_member_now(row.room_id)
        household = self._rooms.pop(row.room_id)
        if household is None:
            household = await self._load(row.room_state)
        elif household.root == row.state_before and row.state_after == row.room_state:
            if row.type == MEMBER:
                self._put(household, row.state_key, row.membership)
            household.root = row.room_state
        elif household.root != row.room_state:
            changed = await self._read.states.difference(household.root or None, row.room_state)
            await self._change(household, changed)
            household.root = row.room_state
        self._rooms[row.room_id] = household
        return bool(household.members)

    async def has_member_now(self, room_id: RoomId) -> bool:
        """The same for the room as it is."""
        household = self._rooms.get(room_id)
        if household is None:
            info = (await self._read.members.rooms([room_id])).get(room_id)
            if info is None:
                return False
            household = self._rooms[room_id] = await self._load(info.state)
        return bool(household.members)

    async def _load(self, root: StateRoot) -> Household:
        household = Household(root, set())
        if root:
            await self._change(household, await self._read.states.ids(root))
        return household

    async def _change(self, household: Household, changed: Mapping[StateKey, EventId | None]) -> None:
        wanted = {key[1]: event_id for key, event_id in changed.items() if self._is_ours(key)}
        for user, event_id in wanted.items():
            if event_id is None:
                household.members.discard(user)
        known = [(user, event_id) for user, event_id in wanted.items() if event_id is not None]
        for start in range(0, len(known), READ_AT_ONCE):
            await self._read_members(household, known[start : start + READ_AT_ONCE])

    async def _read_members(self, household: Household, members: Iterable[tuple[str, EventId]]) -> None:
        rows = await self._read.timelines.rows([event_id for _, event_id in members])
        for user, event_id in members:
            row = rows.get(event_id)
            self._put(household, user, None if row is None else row.membership)

    def _put(self, household: Household, user: str | None, membership: str | None) -> None:
        if user is None or not self._registered.has_user(user):
            return
        if membership == "join":
            household.members.add(user)
        else:
            household.members.discard(user)

    def _is_ours(self, key: StateKey) -> bool:
        return key[0] == MEMBER and self._registered.has_user(key[1])
