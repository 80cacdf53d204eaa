"""A room that is drawn on another server and arrives on the one under test."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import count

from hs_core.matrix.canonical_json import encode_canonical
from hs_core.matrix.event import Event, StateKey
from hs_core.matrix.identifiers import EventId, ServerName, UserId
from hs_core.matrix.room_version import RoomVersion
from hs_core.testing.homeserver import Homeserver
from hs_core.testing.room_dag import RoomDag
from hs_plugins.rooms.api import ROOMS, ROOMS_READ, Imported, Rooms, RoomsRead, StoredEvent, Verdict

REMOTE = ServerName("remote.test")
ALICE = UserId("@alice:remote.test")
BOB = UserId("@bob:remote.test")
CAROL = UserId("@carol:elsewhere.test")
EVE = UserId("@eve:evil.test")
LOCAL = UserId("@local:hs.test")


def pdu(event: Event) -> bytes:
    """The event as it travels."""
    return encode_canonical(event.pdu, strict=event.room_version.strict_canonical_json)


_names = count()


def unique_name() -> str:
    """A name for a room that no other room of this run has."""
    return f"room{next(_names)}"


def redrawn(dag: RoomDag, name: str) -> RoomDag:
    """The same room under other IDs."""
    other = RoomDag(dag.room_version, dag.creator, bare=True, name=name)
    same = dict(zip(dag.events, other.events.values(), strict=False))
    for event in list(dag.events.values())[len(other.events) :]:
        same[event.event_id] = other.send(
            event.type,
            event.content,
            by=event.sender,
            state_key=event.state_key,
            after=[same[event_id] for event_id in event.prev_events],
            at=event.origin_server_ts,
            auth_events=[same[event_id] for event_id in event.auth_events],
            may_be_rejected=True,
        )
    return other


class World:
    """One room, drawn in `dag`, of which the server under test has seen some."""

    def __init__(self, server: Homeserver, dag: RoomDag) -> None:
        self.dag = dag
        self.rooms: Rooms = server.core.services[ROOMS]
        self.read: RoomsRead = server.core.read_sides[ROOMS_READ]
        self._db = server.core.db
        self._seen: set[EventId] = set()

    @classmethod
    async def begin(cls, server: Homeserver, version: RoomVersion, creator: UserId = ALICE) -> "World":
        """A public room of another server; the server under test knows what there is of it."""
        keys = {ServerName("hs.test"): server.core.signing_key}
        world = cls(server, RoomDag(version, creator, keys=keys, name=unique_name()))
        await world.open()
        await world.deliver()
        return world

    async def open(self) -> None:
        """Let the server under test know the create event."""
        create = self.dag.create_event
        await self.rooms.create_room(create.room_id, pdu(create), [])
        self._seen.add(create.event_id)

    async def deliver(self, events: Iterable[Event] | None = None) -> list[Verdict]:
        """Give the server under test some events; by default all that were drawn since."""
        new = list(self.dag.events.values()) if events is None else list(events)
        if events is None:
            new = [event for event in new if event.event_id not in self._seen]
        self._seen.update(event.event_id for event in new)
        return await self.rooms.receive(self.dag.room_id, REMOTE, [pdu(event) for event in new])

    async def stored(self, events: Iterable[Event]) -> dict[EventId, StoredEvent]:
        """What the server under test knows of events."""
        return await self.read.timelines.events([event.event_id for event in events])

    async def state(self) -> Mapping[StateKey, EventId]:
        """The current state of the room on the server under test."""
        room = (await self.read.members.rooms([self.dag.room_id]))[self.dag.room_id]
        return await self.read.states.ids(room.state)

    async def state_after(self, event: Event) -> Mapping[StateKey, EventId]:
        """The state after an event on the server under test."""
        root = (await self.stored([event]))[event.event_id].state_after
        assert root is not None
        return await self.read.states.ids(root)

    async def members(self, memberships: Sequence[str] = ("join",)) -> dict[str, EventId]:
        """Who is in the room, on the server under test."""
        found = await self.read.members.in_room(self.dag.room_id, memberships)
        return {member.user_id: member.event_id for member in found}

    async def stored_event(self, event_id: EventId) -> StoredEvent:
        """What the server under test knows of one event."""
        return (await self.read.timelines.events([event_id]))[event_id]

    async def learn(self, event_ids: Iterable[EventId]) -> None:
        """Let the other servers know events of the server under test."""
        for event_id in event_ids:
            self._seen.add(event_id)
            self.dag.add((await self.stored_event(event_id)).event)

    async def extremities(self) -> set[EventId]:
        """The room's newest events, as the database of the server under test has them."""
        sql = "SELECT event_id FROM forward_extremities WHERE room_id = ?"
        rows = await self._db.read(lambda tx: tx.all(sql, (self.dag.room_id,)))
        return {row[0] for row in rows}

    def forget_all_but(self, events: Iterable[Event]) -> None:
        """Have `deliver` give these events and no earlier ones."""
        self._seen.update(self.dag.events)
        self._seen.difference_update(event.event_id for event in events)

    async def rows(self, events: Iterable[Event]) -> set[EventId]:
        """Those of the events that are in the database of the server under test."""
        ids = [event.event_id for event in events]
        rows = await self._db.read(lambda tx: tx.all("SELECT event_id FROM events WHERE event_id = ANY(?)", (ids,)))
        return {row[0] for row in rows}

    async def chain(self, events: Iterable[Event]) -> set[EventId]:
        """The auth chain of events, on the server under test."""
        return await self.read.history.auth_chain([event.event_id for event in events])


def told(world: World, join: Event) -> Imported:
    """What the other server answers to `send_join`."""
    dag = world.dag
    state = [
        dag.events[event_id] for event_id in dag.state_before([dag.events[one] for one in join.prev_events]).values()
    ]
    chain = dag.auth_chain([*state, join])
    return Imported(
        version=dag.room_version.identifier,
        event=pdu(join),
        state=tuple(map(pdu, state)),
        auth_chain=tuple(pdu(dag.events[event_id]) for event_id in chain),
    )
