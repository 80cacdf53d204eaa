"""The calls of `Rooms`, in the process that owns the room."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from hs_core.db import Database
from hs_core.errors import BadJson, InvalidRoomState, RoomInUse, Unknown, as_matrix_error
from hs_core.matrix.auth import authorise
from hs_core.matrix.canonical_json import decode_json
from hs_core.matrix.errors import ProtocolError, Rejected
from hs_core.matrix.event import Event
from hs_core.matrix.identifiers import EventId, RoomId, ServerName, UserId
from hs_core.matrix.pdu import parse_pdu
from hs_core.matrix.room_version import room_version
from hs_plugins.rooms.actor import RoomActor
from hs_plugins.rooms.actors import Actors
from hs_plugins.rooms.api import Draft, Imported, Join, Sent, ToldState, Verdict
from hs_plugins.rooms.arrivals import Arrivals
from hs_plugins.rooms.importing import import_room
from hs_plugins.rooms.joining import Joining
from hs_plugins.rooms.operation import Operation
from hs_plugins.rooms.places import Purge
from hs_plugins.rooms.purging import Purger
from hs_plugins.rooms.state_map import EMPTY
from hs_plugins.rooms.store.members import forget
from hs_plugins.rooms.store.purges import place_at_time, place_before, purge_of


class RoomsService:
    """Takes a room's actor, has it do the work, and waits for that to be durable."""

    def __init__(self, actors: Actors, arrivals: Arrivals, joining: Joining, purger: Purger, db: Database) -> None:
        self._actors = actors
        self._arrivals = arrivals
        self.purger = purger
        self._joining = joining
        self._db = db

    @property
    def rooms_in_memory(self) -> int:
        """How many rooms this process has loaded."""
        return len(self._actors)

    async def create_room(self, room_id: RoomId, create_event: bytes, drafts: Sequence[Draft]) -> Sent:
        event = _parse_create_event(create_event)
        if event.room_id != room_id:
            raise BadJson("The create event is of another room")
        try:
            return await self._create(event, drafts)
        except RoomInUse:
            earlier = await self._made_before(room_id, drafts)
            if earlier is None:
                raise
            return await durable(earlier)

    async def _create(self, event: Event, drafts: Sequence[Draft]) -> Sent:
        async with self._actors.new(event.room_id, event.room_version) as actor:
            with _refusals():
                try:
                    operation = await _begin(actor, event)
                    sending = await actor.send(drafts, operation) if drafts else actor.commit(operation, event.event_id)
                except Rejected as error:
                    # "The initial state implied by the parameters to the request is invalid: for example, the user's
                    # `power_level` is set below that necessary to set the room name".
                    raise InvalidRoomState(str(error)) from error
        return await durable(sending)

    async def _made_before(self, room_id: RoomId, drafts: Sequence[Draft]) -> asyncio.Future[Sent] | None:
        """What the same call came to that asks again because nobody lived to answer it."""
        if not drafts:
            return None
        async with self._actors.of(room_id) as actor:
            return await actor.engine.transactions.find(room_id, drafts[-1])

    async def send(self, room_id: RoomId, draft: Draft) -> Sent:
        return await self.send_all(room_id, [draft])

    async def send_all(self, room_id: RoomId, drafts: Sequence[Draft]) -> Sent:
        async with self._actors.of(room_id) as actor:
            with _refusals():
                sending = await actor.send(drafts)
        return await durable(sending)

    async def join(self, room_id: RoomId, join: Join) -> Sent:
        async with self._actors.of(room_id) as actor:
            with _refusals():
                sending = await actor.send([await self._joining.draft(actor, join)])
        return await durable(sending)

    async def knock(self, room_id: RoomId, knock: Join) -> Sent:
        content = {**knock.content, "membership": "knock"}
        return await self.send(
            room_id, Draft(sender=knock.user_id, type="m.room.member", state_key=knock.user_id, content=content)
        )

    async def forget(self, room_id: RoomId, user_id: UserId) -> None:
        async with self._actors.of(room_id) as actor:
            await actor.engine.committer.flushed()
            if not await self._db.write(lambda tx: forget(tx, room_id, user_id)):
                raise Unknown("You can forget a room only after you have left it")

    async def receive(
        self, room_id: RoomId, origin: ServerName, pdus: Sequence[bytes], told: Sequence[ToldState] = ()
    ) -> list[Verdict]:
        return await self._arrivals.receive(room_id, origin, pdus, told)

    async def receive_outliers(self, room_id: RoomId, pdus: Sequence[bytes]) -> list[Verdict]:
        return await self._arrivals.receive_outliers(room_id, pdus)

    async def backfill(self, room_id: RoomId, pdus: Sequence[bytes], told: Sequence[ToldState] = ()) -> list[Verdict]:
        return await self._arrivals.backfill(room_id, pdus, told)

    async def import_room(self, room_id: RoomId, imported: Imported) -> Sent:
        version = room_version(imported.version)
        async with self._actors.known_or_new(room_id, version) as actor:
            return await import_room(actor, imported, self._db)

    async def purge_history(self, room_id: RoomId, before: EventId) -> str:
        return await self.purger.begin(room_id, lambda tx: place_before(tx, room_id, before))

    async def purge_history_before(self, room_id: RoomId, timestamp: int) -> str:
        return await self.purger.begin(room_id, lambda tx: place_at_time(tx, room_id, timestamp))

    async def purge(self, room_id: RoomId, purge_id: str) -> Purge | None:
        return await self._db.read(lambda tx: purge_of(tx, purge_id, room_id))


async def durable(sending: asyncio.Future[Sent]) -> Sent:
    """Wait for a commit. Several may wait for the same one; that one of them gives up is nothing to the others."""
    return await asyncio.shield(sending)


@contextmanager
def _refusals() -> Iterator[None]:
    """What the protocol refuses is a refusal to who asks, in whichever process that is."""
    try:
        yield
    except ProtocolError as error:
        raise as_matrix_error(error) from error


def _parse_create_event(data: bytes) -> Event:
    pdu = decode_json(data, strict=False)
    content = pdu.get("content") if isinstance(pdu, dict) else None
    if not isinstance(content, dict) or pdu.get("type") != "m.room.create":
        raise BadJson("That is no create event")
    return parse_pdu(pdu, room_version(content.get("room_version", "1")))


async def _begin(actor: RoomActor, event: Event) -> Operation:
    """The first event of a room."""
    operation = actor.operation()
    await operation.prepare([event.key])
    authorise(event, operation.auth)
    operation.change.creator = event.sender
    operation.add(event, EMPTY, await operation.with_entry(EMPTY, event), auth_chain=EMPTY)
    return operation
