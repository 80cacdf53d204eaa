"""Who came into rooms and who left them, since a client was last told: from room events, or else from the database."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import orjson

from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.streams.batch import Batch
from hs_plugins.rooms.api import EventRow, Members

MAX_MOVES: Final = 50_000
MAX_RESOLVED: Final = 10_000


class Move(NamedTuple):
    """A user came into a room, or left it."""

    position: int
    room_id: RoomId
    user_id: UserId
    came: bool


@dataclass(slots=True)
class Moved:
    """Of all rooms of one user together."""

    came: set[UserId] = field(default_factory=set)
    """In one of the rooms now, and not all the time."""
    went: set[UserId] = field(default_factory=set)
    """In one of the rooms before, and not in that one now."""


class RecentMoves:
    """Every move after `horizon`."""

    def __init__(self, horizon: int, max_moves: int = MAX_MOVES) -> None:
        self.horizon = horizon
        self._order: deque[Move] = deque()
        self._of_room: dict[RoomId, deque[Move]] = {}
        self._resolved: dict[RoomId, int] = {}
        self._max_moves = max_moves

    def receive(self, batch: Batch[EventRow]) -> None:
        """The next events of rooms."""
        for position, row in batch.rows:
            if row.room_state != row.state_after:
                self._resolved.pop(row.room_id, None)
                self._resolved[row.room_id] = position
                if len(self._resolved) > MAX_RESOLVED:
                    room_id = next(iter(self._resolved))
                    self.horizon = max(self.horizon, self._resolved.pop(room_id))
            if row.type == "m.room.member" and (move := _move(position, row)) is not None:
                self._order.append(move)
                self._of_room.setdefault(row.room_id, deque()).append(move)
                if len(self._order) > self._max_moves:
                    self._forget_oldest()

    def knows(self, room_id: RoomId, position: int) -> bool:
        """Whether the moves tell all that happened since: not if branches met, which moves people without events."""
        return position >= self.horizon and self._resolved.get(room_id, 0) <= position

    def rooms_since(self, position: int) -> set[RoomId]:
        """Where anybody moved, or may have, after a position that is not before `horizon`. Costs what happened."""
        rooms = set()
        for move in reversed(self._order):
            if move.position <= position:
                break
            rooms.add(move.room_id)
        for room_id, resolved in reversed(self._resolved.items()):
            if resolved <= position:
                break
            rooms.add(room_id)
        return rooms

    def in_room(self, room_id: RoomId, after: int, up_to: int) -> Sequence[Move]:
        """The moves of one room, the latest first."""
        found = []
        for move in reversed(self._of_room.get(room_id, ())):
            if move.position <= after:
                break
            if move.position <= up_to:
                found.append(move)
        return found

    def _forget_oldest(self) -> None:
        move = self._order.popleft()
        self.horizon = max(self.horizon, move.position)
        moves = self._of_room[move.room_id]
        moves.popleft()
        if not moves:
            del self._of_room[move.room_id]


@dataclass(frozen=True)
class Neighbours:
    """Whom users share rooms with."""

    members: Members
    recent: RecentMoves | None = None
    """Where events are followed."""

    async def moved(self, user: UserId, rooms: Collection[RoomId], after: int, up_to: int) -> Moved:
        """What others did in rooms in which the user was all the time. Costs what they did, however many rooms."""
        moved, unknown = Moved(), []
        if self.recent is not None and after >= self.recent.horizon:
            rooms = [room_id for room_id in self.recent.rooms_since(after) if room_id in rooms]
        for room_id in rooms:
            if self.recent is None or not self.recent.knows(room_id, after):
                unknown.append(room_id)
            else:
                _add(moved, self.recent.in_room(room_id, after, up_to))
        for room_id, room in (await self.members.rooms(unknown)).items() if unknown else ():
            if room.position > after:
                for member in await self.members.in_room(room_id, ("join", "leave", "ban")):
                    if member.position > after:
                        (moved.came if member.membership == "join" else moved.went).add(member.user_id)
        moved.came.discard(user)
        moved.went.discard(user)
        return moved

    async def here(self, rooms: Iterable[RoomId]) -> set[UserId]:
        """The members of some rooms."""
        return {member.user_id for room_id in rooms for member in await self.members.in_room(room_id)}

    async def not_in(self, users: set[UserId], rooms: Collection[RoomId]) -> set[UserId]:
        """Those of the users who are in none of the rooms."""
        if len(users) <= len(rooms):
            return {user for user in users if not await self._is_in(user, rooms)}
        left = set(users)
        for room_id in rooms:
            if not left:
                break
            left -= await self.here([room_id])
        return left

    async def _is_in(self, user: UserId, rooms: Collection[RoomId]) -> bool:
        joined = await self.members.of_user(user, ("join",))
        return any(membership.room_id in rooms for membership in joined)


def _add(moved: Moved, moves: Sequence[Move]) -> None:
    latest: dict[UserId, bool] = {}
    for move in moves:
        latest.setdefault(move.user_id, move.came)
    for user, came in latest.items():
        (moved.came if came else moved.went).add(user)


def _move(position: int, row: EventRow) -> Move | None:
    """`None` if it is neither: a new name, an invitation, a ban of somebody who was not there."""
    is_in, was_in = row.membership == "join", was_joined(row)
    return Move(position, row.room_id, UserId(row.state_key or ""), is_in) if is_in != was_in else None


def was_joined(row: EventRow) -> bool:
    """Whether the user of a member event was in the room before it."""
    return row.prev_content is not None and orjson.loads(row.prev_content).get("membership") == "join"
