"""Events of other servers, from bytes to what became of each: read, put in order, received one after the other."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from graphlib import CycleError, TopologicalSorter
from typing import TypeAlias

from hs_core.cache import LRU
from hs_core.db import Database
from hs_core.matrix.canonical_json import decode_json
from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.event import Event, StateKey
from hs_core.matrix.identifiers import EventId, RoomId, ServerName
from hs_core.matrix.pdu import parse_pdu
from hs_core.matrix.room_version import RoomVersion
from hs_core.matrix.server_acl import ServerAcl
from hs_plugins.rooms.actor import RoomActor
from hs_plugins.rooms.actors import Actors
from hs_plugins.rooms.api import Sent, ToldState, Verdict
from hs_plugins.rooms.backfill import backfill
from hs_plugins.rooms.inbound import Arrival, receive
from hs_plugins.rooms.joining_extremities import join_extremities
from hs_plugins.rooms.operation import Operation
from hs_plugins.rooms.outliers import receive_outlier
from hs_plugins.rooms.store.arrivals import Expected, expected

GROUP = 10
"""Events that are received while the room does nothing else."""

ACL: StateKey = ("m.room.server_acl", "")

REMEMBERED_ACLS = 500

MANY_EXTREMITIES = 10
"""Newest events at which one of our own is sent to join them: each event costs a resolution of them all."""

TakeIn: TypeAlias = Callable[[Operation, Event, Expected], Awaitable[Verdict]]


class Arrivals:
    """Receives events of other servers into rooms of this process."""

    def __init__(self, actors: Actors, db: Database) -> None:
        self._actors = actors
        self._db = db
        self._acls: LRU[EventId, tuple[Event, ServerAcl | None]] = LRU(REMEMBERED_ACLS)

    async def receive(
        self, room_id: RoomId, origin: ServerName, pdus: Sequence[bytes], told: Iterable[ToldState]
    ) -> list[Verdict]:
        """See `Rooms.receive`."""
        states = {one.event_id: one.state for one in told}
        async with self._actors.of(room_id) as actor:
            version, resolver = actor.memory.version, actor.engine.resolver
            if not await self._may_take_part(actor, origin):
                reason = "the room's access control list denies the server"
                return [Verdict(None, refused=reason) for _ in pdus]

        def take_in(operation: Operation, event: Event, about: Expected) -> Awaitable[Verdict]:
            return receive(operation, resolver, _arrival(event, states, about))

        return await self._take_in_all(room_id, [read_pdu(pdu, room_id, version) for pdu in pdus], take_in)

    async def receive_outliers(self, room_id: RoomId, pdus: Sequence[bytes]) -> list[Verdict]:
        """See `Rooms.receive_outliers`."""
        async with self._actors.of(room_id) as actor:
            version = actor.memory.version

        def take_in(operation: Operation, event: Event, about: Expected) -> Awaitable[Verdict]:
            return receive_outlier(operation, event)

        return await self._take_in_all(room_id, [read_pdu(pdu, room_id, version) for pdu in pdus], take_in)

    async def backfill(self, room_id: RoomId, pdus: Sequence[bytes], told: Iterable[ToldState]) -> list[Verdict]:
        """See `Rooms.backfill`. All of it is one operation, so that its events stand in their order."""
        states = {one.event_id: one.state for one in told}
        async with self._actors.of(room_id) as actor:
            read = [read_pdu(pdu, room_id, actor.memory.version) for pdu in pdus]
            events = in_order([one for one in read if isinstance(one, Event)])
            about = await self._about(actor, events)
            arrivals = [_arrival(event, states, about) for event in events]
            operation = actor.operation()
            found = await backfill(operation, actor.engine.resolver, arrivals)
            sending = actor.commit(operation, events[-1].event_id) if operation.change.events else None
        if sending is not None:
            await asyncio.shield(sending)
        verdicts = {verdict.event_id: verdict for verdict in found}
        return [one if isinstance(one, Verdict) else verdicts[one.event_id] for one in read]

    async def _take_in_all(self, room_id: RoomId, read: Sequence[Event | Verdict], take_in: TakeIn) -> list[Verdict]:
        """One after the other, those first that others come after. Returns when all that was stored is durable."""
        events = in_order([one for one in read if isinstance(one, Event)])
        verdicts: dict[EventId, Verdict] = {}
        sending: list[asyncio.Future[Sent]] = []
        for start in range(0, len(events), GROUP):
            async with self._actors.of(room_id) as actor:
                sending += await self._take_in_group(actor, events[start : start + GROUP], take_in, verdicts)
                if len(actor.memory.extremities) > MANY_EXTREMITIES:
                    sending += await join_extremities(actor, self._db)
        if sending:
            await asyncio.shield(asyncio.gather(*sending))
        return [one if isinstance(one, Verdict) else verdicts[one.event_id] for one in read]

    async def _take_in_group(
        self, actor: RoomActor, group: Sequence[Event], take_in: TakeIn, verdicts: dict[EventId, Verdict]
    ) -> list[asyncio.Future[Sent]]:
        about = await self._about(actor, group)
        sending = []
        for event in group:
            for change in actor.uncommitted:
                about.learn(change.awaited_redactions, change.gaps)
            operation = actor.operation()
            verdicts[event.event_id] = await take_in(operation, event, about)
            if operation.change.events:
                sending.append(actor.commit(operation, event.event_id))
        return sending

    async def _about(self, actor: RoomActor, group: Sequence[Event]) -> Expected:
        """What is expected of these events. What is known of them is durable, and in memory, afterwards."""
        ids = [event.event_id for event in group]
        if any(actor.engine.events.is_unsaved(event_id) for event_id in ids):
            await actor.engine.committer.flushed()
        await actor.engine.events.load({one for event in group for one in (event.event_id, *event.prev_events)})
        about = await self._db.read(partial(expected, event_ids=ids))
        for change in actor.uncommitted:
            about.learn(change.awaited_redactions, change.gaps)
        return about

    async def _may_take_part(self, actor: RoomActor, server_name: ServerName) -> bool:
        """Whether the room's access control list lets a server take part ("Server Access Control Lists (ACLs)")."""
        view = actor.memory.view
        await view.prepare([ACL])
        event = view.get(ACL)
        if event is None:
            return True
        known = self._acls.get(event.event_id)
        if known is None or known[0] is not event:
            known = self._acls[event.event_id] = (event, ServerAcl.from_content(event.content))
        return known[1] is None or known[1].allows(server_name)


def _arrival(event: Event, told: Mapping[EventId, Sequence[EventId]], about: Expected) -> Arrival:
    return Arrival(
        event,
        told_state=told.get(event.event_id),
        waiting=about.redactions.get(event.event_id, ()),
        passed=event.event_id in about.passed,
    )


def read_pdu(pdu: bytes, room_id: RoomId, version: RoomVersion) -> Event | Verdict:
    """The event, or why it is none of this room: "otherwise it is dropped"."""
    try:
        event = parse_pdu(decode_json(pdu, strict=version.strict_canonical_json), version)
    except ProtocolError as error:
        return Verdict(None, refused=str(error))
    if event.room_id != room_id:
        return Verdict(event.event_id, refused="it is an event of another room")
    return event


def in_order(events: Iterable[Event]) -> list[Event]:
    """Each event once, after those of them that it names."""
    by_id = {event.event_id: event for event in events}
    named = {event.event_id: by_id.keys() & {*event.prev_events, *event.auth_events} for event in by_id.values()}
    try:
        return [by_id[event_id] for event_id in TopologicalSorter(named).static_order()]
    except CycleError:
        # Possible where servers choose event IDs: then at least one of the events will be found to miss others.
        return list(by_id.values())
