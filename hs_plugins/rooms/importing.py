"""Rooms that a local user joined through another server (server-server API, "Joining Rooms").

The other server tells the state before the join and its auth chain. Those events are stored first, a few hundred at a
time; the join event makes the room. A room of which only the former are stored is not known yet: should the process
end in between, the next join goes on with it.
"""

from collections.abc import Sequence

import structlog

from hs_core.db import Database
from hs_core.errors import BadJson, Forbidden
from hs_core.matrix.event import Event
from hs_core.matrix.identifiers import RoomId
from hs_core.matrix.room_version import RoomVersion
from hs_plugins.rooms.actor import RoomActor
from hs_plugins.rooms.api import Imported, Sent
from hs_plugins.rooms.arrivals import in_order, read_pdu
from hs_plugins.rooms.change import NewEvent
from hs_plugins.rooms.extremities import continue_room, move_state
from hs_plugins.rooms.inbound import note_gaps, refusal
from hs_plugins.rooms.memory import Extremity
from hs_plugins.rooms.operation import Operation
from hs_plugins.rooms.outliers import receive_outlier
from hs_plugins.rooms.resolution import Resolver
from hs_plugins.rooms.state_map import EMPTY, NodeHash
from hs_plugins.rooms.store.members import local_member

log = structlog.get_logger(__name__)

CHUNK = 200
"""Events of the state that are stored together."""


async def import_room(actor: RoomActor, imported: Imported, db: Database) -> Sent:
    """Store what another server told, and begin the room with the join. The actor may be one of a new room."""
    room_id, version = actor.memory.room_id, actor.memory.version
    join = _join_event(imported.event, room_id, version)
    state, chain = (_events(pdus, room_id, version) for pdus in (imported.state, imported.auth_chain))
    create = next((event for event in state if event.type == "m.room.create"), None)
    if create is None:
        raise BadJson("the state has no create event")
    await _store_outliers(actor, create, in_order([*chain, *state]))
    operation = actor.operation()
    before = await _state_of(operation, state)
    if reason := await refusal(operation, join, before):
        raise Forbidden(f"The other server let the user in, but the room does not: {reason}")
    await _begin(operation, actor.engine.resolver, join, before, anew=await _is_abandoned(actor, db))
    return await actor.commit(operation, join.event_id)


def _join_event(pdu: bytes, room_id: RoomId, version: RoomVersion) -> Event:
    event = read_pdu(pdu, room_id, version)
    if not isinstance(event, Event) or event.type != "m.room.member":
        raise BadJson("that is no member event of the room")
    return event


def _events(pdus: Sequence[bytes], room_id: RoomId, version: RoomVersion) -> list[Event]:
    """Those that are events. What an old room's state has need not be valid by today's rules; that is left out."""
    read = [read_pdu(pdu, room_id, version) for pdu in pdus]
    events = [event for event in read if isinstance(event, Event)]
    if len(events) < len(read):
        log.info("events of an imported state are not valid", room=room_id, dropped=len(read) - len(events))
    return events


async def _store_outliers(actor: RoomActor, create: Event, events: Sequence[Event]) -> None:
    for start in range(0, len(events), CHUNK):
        operation = actor.operation()
        if start == 0 and not actor.memory.extremities:
            operation.change.creator = create.sender
            operation.change.state = EMPTY
        for event in events[start : start + CHUNK]:
            await receive_outlier(operation, event)
        if operation.change.events:
            await actor.commit(operation, operation.change.events[-1].event.event_id)


async def _state_of(operation: Operation, events: Sequence[Event]) -> NodeHash:
    """The state that consists of these events, without those that were rejected or could not be judged."""
    stored = await operation.load([event.event_id for event in events])
    accepted = [one.event for one in stored.values() if one.rejected is None and one.event.is_state]
    return await operation.change_state(EMPTY, {event.key: event.event_id for event in accepted})


async def _is_abandoned(actor: RoomActor, db: Database) -> bool:
    """Whether nobody of this server is in the room, so that what it knows of the room is out of date."""
    room_id, server_name = actor.memory.room_id, actor.engine.server_name
    return await db.read(lambda tx: local_member(tx, room_id, server_name)) is None


async def _begin(operation: Operation, resolver: Resolver, join: Event, before: NodeHash, *, anew: bool) -> None:
    after = await operation.with_entry(before, join)
    chain = await operation.chain_of(join)
    stored = (await operation.load([join.event_id])).get(join.event_id)
    if stored is not None:
        operation.change.renewed.append(join.event_id)
    await note_gaps(operation, join)
    if not anew:
        await continue_room(operation, resolver, join, before, after, auth_chain=chain)
        return
    operation.store(NewEvent(join, before, after, after, auth_chain=chain))
    operation.extremities = {join.event_id: Extremity(join.depth, after)}
    await move_state(operation, operation.state, after)
