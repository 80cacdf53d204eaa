"""The rooms that this process has in memory: loaded when somebody asks for them, forgotten when nobody did for long."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice

from hs_core.cluster.placement import slot_of
from hs_core.db import Database
from hs_core.errors import NotFound, RoomInUse
from hs_core.matrix.auth import AuthState
from hs_core.matrix.identifiers import RoomId
from hs_core.matrix.room_version import RoomVersion
from hs_core.streams.writer import Writer
from hs_plugins.rooms.actor import Engine, RoomActor
from hs_plugins.rooms.memory import RoomMemory, StoredRoom, load_room
from hs_plugins.rooms.rows import EventRow
from hs_plugins.rooms.state_map import EMPTY
from hs_plugins.rooms.view import StateView

MAX_ROOMS = 5000


@dataclass(slots=True)
class _Seat:
    """A room's place in memory, taken by its actor once it is loaded."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while an operation is made; not while it is committed."""
    actor: RoomActor | None = None
    lost: bool = False
    """What is remembered is not true any more; the room has another seat now, or none."""

    @property
    def idle(self) -> bool:
        return not self.lock.locked() and (self.actor is None or self.actor.committed)


class Actors:
    """Gives operations their room, one at a time."""

    def __init__(self, db: Database, engine: Engine, writer: Writer[EventRow]) -> None:
        self._db = db
        self._writer = writer
        self._engine = engine
        self._seats: OrderedDict[RoomId, _Seat] = OrderedDict()

    @asynccontextmanager
    async def of(self, room_id: RoomId) -> AsyncIterator[RoomActor]:
        """The room's actor, with nobody else doing anything to the room. Raises `NotFound` for an unknown room."""
        async with self._seat(room_id) as seat:
            if seat.actor is None:
                stored = await self._db.read(lambda tx: load_room(tx, room_id))
                if stored is None:
                    self._vacate(room_id)
                    raise NotFound("This server does not know the room")
                seat.actor = self._actor(room_id, stored)
            yield seat.actor

    @asynccontextmanager
    async def new(self, room_id: RoomId, version: RoomVersion) -> AsyncIterator[RoomActor]:
        """An actor for a room that is being made, without events. Raises `RoomInUse` if the room is known."""
        async with self._seat(room_id) as seat:
            if seat.actor is not None or await self._db.read(lambda tx: load_room(tx, room_id)) is not None:
                raise RoomInUse("There is such a room already")
            seat.actor = self._actor(room_id, StoredRoom(version, EMPTY, {}))
            try:
                yield seat.actor
            except BaseException:
                self._vacate(room_id)
                raise

    @asynccontextmanager
    async def known_or_new(self, room_id: RoomId, version: RoomVersion) -> AsyncIterator[RoomActor]:
        """The room's actor or, if the room is not known, one without events, which lasts if the room comes to be."""
        async with self._seat(room_id) as seat:
            if seat.actor is None:
                stored = await self._db.read(lambda tx: load_room(tx, room_id))
                seat.actor = self._actor(room_id, stored or StoredRoom(version, EMPTY, {}))
            try:
                yield seat.actor
            finally:
                if not seat.actor.memory.extremities:
                    self._vacate(room_id)

    async def hand_over(self, slots: Collection[int]) -> None:
        """Finish what was begun for the rooms of these slots, and forget them: another process is to own them."""

        def goes(room_id: RoomId) -> bool:
            return slot_of(room_id, self._writer.stream.slots) in slots

        try:
            for room_id in list(filter(goes, self._seats)):
                seat = self._seats.get(room_id)
                if seat is not None:
                    async with seat.lock:
                        self._vacate(room_id)
            await self._engine.committer.flushed()
        finally:  # should this take too long, what is not finished fails: it must not be done in a later ownership
            self._engine.committer.give_up(goes)
            self.lose(list(filter(goes, self._seats)))
            self._engine.transactions.forget_where(goes)
            self._engine.events.forget_saved()

    def lose(self, room_ids: Collection[RoomId]) -> None:
        """Forget rooms whose memory is not true any more."""
        for room_id in room_ids:
            self._vacate(room_id)
        self._engine.transactions.forget_where(frozenset(room_ids).__contains__)

    def __len__(self) -> int:
        """How many rooms are in memory."""
        return len(self._seats)

    @asynccontextmanager
    async def _seat(self, room_id: RoomId) -> AsyncIterator[_Seat]:
        while True:
            self._writer.check_owner(room_id)
            seat = self._seats.get(room_id)
            if seat is None:
                seat = self._seats[room_id] = _Seat()
            self._seats.move_to_end(room_id)
            if len(self._seats) > MAX_ROOMS:
                self._shrink(seat)
            async with seat.lock:
                if not seat.lost:
                    yield seat
                    return

    def _actor(self, room_id: RoomId, stored: StoredRoom) -> RoomActor:
        view = StateView(stored.state, self._engine.nodes, self._engine.events)
        return RoomActor(
            RoomMemory(room_id, stored.version, stored.extremities, view, AuthState(view.get)), self._engine
        )

    def _vacate(self, room_id: RoomId) -> None:
        seat = self._seats.pop(room_id, None)
        if seat is not None:
            seat.lost = True
            if seat.actor is not None:
                seat.actor.lost = True

    def _shrink(self, wanted: _Seat) -> None:
        """Forget idle rooms, those first that nobody asked for longest. Busy ones stay, however many there are."""
        idle = (room_id for room_id, seat in self._seats.items() if seat.idle and seat is not wanted)
        for room_id in list(islice(idle, len(self._seats) - MAX_ROOMS)):
            self._vacate(room_id)
