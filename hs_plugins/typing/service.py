"""Keep who types, where the rooms' slots of the stream `typing` are owned."""

from __future__ import annotations

import heapq
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple, cast

from hs_core.clock import Clock
from hs_core.cluster.calls import Services
from hs_core.core import Core
from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.streams.announcer import Announcer
from hs_core.streams.batch import Batch
from hs_plugins.rooms.api import EVENTS, ROOMS_READ, EventRow, Members
from hs_plugins.typing.api import MAX_TIMEOUT_MS, TYPING, TYPING_CHANGES, TYPING_READ, Typing
from hs_plugins.typing.recent import RecentTyping
from hs_plugins.typing.rows import TypingRow

MAX_IN_ROOM: Final = 100
"""Who begins to type when so many do already is not shown: nobody reads a longer list."""
MAX_TYPING: Final = 50_000
"""The same, in all rooms together."""
ADOPTED_MS: Final = 30_000
"""How long those who typed under another owner go on."""


class _End(NamedTuple):
    at: float
    room_id: RoomId
    user_id: UserId


@dataclass
class Typists:
    """Who types and until when, in seconds of the monotonic clock."""

    clock: Clock
    announcer: Announcer[TypingRow]
    recent: RecentTyping
    _rooms: dict[RoomId, dict[UserId, float]] = field(default_factory=dict)
    _ends: list[_End] = field(default_factory=list)
    """A heap with an entry for each who types, at or before the time when they are to stop."""
    _held: Mapping[int, int] = field(default_factory=dict)
    """The slots whose rooms are kept, with their epochs."""

    def set(self, room_id: RoomId, user_id: UserId, timeout_ms: int) -> None:
        """See `Typing.set`."""
        self.announcer.check_owner(room_id)
        self._keep_up()
        if timeout_ms > 0:
            self._start(room_id, user_id, min(timeout_ms, MAX_TIMEOUT_MS) / 1000)
        else:
            self._stop(room_id, user_id)

    def is_over(self) -> None:
        """Whoever has typed for too long stops. To be called now and then, in every process."""
        self._keep_up()
        now = self.clock.monotonic()
        while self._ends and self._ends[0].at <= now:
            _, room_id, user_id = heapq.heappop(self._ends)
            until = self._rooms.get(room_id, {}).get(user_id)
            if until is not None and until > now:
                heapq.heappush(self._ends, _End(until, room_id, user_id))
            elif until is not None:
                self._stop(room_id, user_id)

    def left(self, room_id: RoomId, user_id: UserId) -> None:
        """Nobody types in a room that they are not in."""
        self._keep_up()
        if user_id in self._rooms.get(room_id, ()):
            self._stop(room_id, user_id)

    def say_again(self, slots: Collection[int]) -> None:
        """Tell who types in the rooms of slots that go to another process: it may have started just now."""
        held, slot = self.announcer.held, self.announcer.slot
        going = {each for each in slots if each in held and held[each] == self._held.get(each)}
        self.announcer.announce([(room_id, self._row(room_id)) for room_id in self._rooms if slot(room_id) in going])

    def _start(self, room_id: RoomId, user_id: UserId, seconds: float) -> None:
        typing = self._rooms.get(room_id, {})
        until = self.clock.monotonic() + seconds
        if user_id in typing:
            if until < typing[user_id] and len(self._ends) < MAX_TYPING:
                heapq.heappush(self._ends, _End(until, room_id, user_id))
            typing[user_id] = until
        elif len(typing) < MAX_IN_ROOM and len(self._ends) < MAX_TYPING:
            self._rooms.setdefault(room_id, typing)[user_id] = until
            heapq.heappush(self._ends, _End(until, room_id, user_id))
            self._announce(room_id)

    def _stop(self, room_id: RoomId, user_id: UserId) -> None:
        typing = self._rooms.get(room_id, {})
        if typing.pop(user_id, None) is not None:
            self._announce(room_id)
        elif self.recent.known(room_id) is None:
            # Perhaps an owner before us knew them to be typing, and clients still show it.
            self._announce(room_id)
        if not typing:
            self._rooms.pop(room_id, None)

    def _announce(self, room_id: RoomId) -> None:
        self.announcer.announce([(room_id, self._row(room_id))])

    def _row(self, room_id: RoomId) -> TypingRow:
        return TypingRow(room_id, tuple(self._rooms.get(room_id, ())))

    def _keep_up(self) -> None:
        """What was kept under another ownership is out of date; what everybody has heard since then is not."""
        held, slot = self.announcer.held, self.announcer.slot
        if held == self._held:
            return
        changed = {each for each, _ in held.items() ^ self._held.items()}
        self._held = dict(held)
        for room_id in [room_id for room_id in self._rooms if slot(room_id) in changed]:
            del self._rooms[room_id]
        until = self.clock.monotonic() + ADOPTED_MS / 1000
        for room_id in self.recent.busy:
            if slot(room_id) in changed & held.keys():
                self._rooms[room_id] = dict.fromkeys(self.recent.typing_in(room_id), until)
                self._ends += [_End(until, room_id, user_id) for user_id in self._rooms[room_id]]
        heapq.heapify(self._ends)
        taken = changed & held.keys()
        self.announcer.take_on(
            taken, [(room_id, self._row(room_id)) for room_id in self._rooms if slot(room_id) in taken]
        )


@dataclass(frozen=True)
class TypingRole:
    """Implements the service `TYPING`, and is what the handlers are given."""

    typists: Typists
    services: Services
    members: Members

    @property
    def typing(self) -> Typing:
        """In the process that owns the room's slot."""
        return self.services[TYPING]

    async def set(self, room_id: RoomId, user_id: UserId, timeout_ms: int) -> None:
        """See `Typing.set`."""
        self.typists.set(room_id, user_id, timeout_ms)

    async def is_over(self) -> None:
        """A turn of the task."""
        self.typists.is_over()

    async def released(self, slots: Collection[int]) -> None:
        """Another process goes on from what it has heard."""
        self.typists.say_again(slots)

    def moved(self, batch: Batch[EventRow]) -> None:
        """Room events; those that make somebody leave matter."""
        for _, row in batch.rows:
            if row.membership is not None and row.membership != "join" and row.state_key:
                self.typists.left(row.room_id, UserId(row.state_key))


@asynccontextmanager
async def start(core: Core) -> AsyncIterator[TypingRole]:
    """Keep who types for as long as the context lasts, in the rooms whose slots this process owns."""
    recent = cast(RecentTyping, core.read_sides[TYPING_READ])
    typists = Typists(core.clock, core.announcer(TYPING_CHANGES), recent)
    role = TypingRole(typists, core.services, core.read_sides[ROOMS_READ].members)
    core.follower(EVENTS).subscribe(role.moved)
    typists.announcer.on_release(role.released)
    yield role
