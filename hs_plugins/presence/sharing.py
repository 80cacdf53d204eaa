"""Which rooms users are in, in memory for those whose presence changes."""

from __future__ import annotations

from typing import Final

from hs_core.cache import LRU
from hs_core.matrix.identifiers import RoomId, UserId
from hs_plugins.rooms.api import Members

MAX_MEMBERSHIPS: Final = 500_000
"""In memory, of all users together."""
MAX_ROOMS: Final = 1_000
"""Of one user: those in the rooms that they joined before are not told."""


class RoomsOfUsers:
    """The rooms that each user has joined, the latest last."""

    def __init__(self, members: Members) -> None:
        self._members = members
        self._known: LRU[UserId, tuple[RoomId, ...]] = LRU(MAX_MEMBERSHIPS, lambda rooms: len(rooms) + 1)
        self._changes = 0

    def moved(self, user_id: UserId) -> None:
        """The user has come to a room or left one."""
        self._changes += 1
        self._known.pop(user_id)

    async def of(self, user_id: UserId) -> tuple[RoomId, ...]:
        known = self._known.get(user_id)
        if known is not None:
            return known
        changes = self._changes
        memberships = await self._members.of_user(user_id, ("join",))
        rooms = tuple(each.room_id for each in memberships[-MAX_ROOMS:])
        if changes == self._changes:  # else what was read may be out of date already
            self._known[user_id] = rooms
        return rooms

    async def share(self, one: UserId, other: UserId) -> bool:
        """Whether two users are in the same room."""
        return not set(await self.of(one)).isdisjoint(await self.of(other))
