"""Processes that come, go, die and freeze, over a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from hs_core.clock import SystemClock
from hs_core.cluster.leases import Leases, NotOwner
from hs_core.cluster.members import Member
from hs_core.cluster.once import done_before
from hs_core.cluster.registry import Registry, Rhythm, Share
from hs_core.db import Database, Transaction, open_database
from hs_core.streams.writer import Writer
from hs_core.testing.faulty_bus import FaultyBus, FaultyNetwork
from tests.core.streams.notes import NOTES, Note, prepare, store, topic_in, written

pytestmark = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)

RHYTHM = Rhythm(beat=0.05, death=0.5)
NOTE_SLOTS = frozenset(range(NOTES.slots))
PATIENCE = 20  # seconds, before a test that waits for ever fails


class Freezer(SystemClock):
    """A clock whose sleepers do not wake as long as it is frozen, like those of a process that is stopped."""

    def __init__(self) -> None:
        self.thawed = asyncio.Event()
        self.thawed.set()

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        await self.thawed.wait()


@dataclass(eq=False)
class Actor:
    """A process of a deployment."""

    leases: Leases
    registry: Registry
    writer: Writer[Note]
    clock: Freezer
    bus: FaultyBus
    released: list[frozenset[int]] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def held(self) -> frozenset[int]:
        return frozenset(self.leases.held(NOTES.name))

    async def say(self, slot: int, text: str) -> int:
        note = Note(topic_in(slot), text)
        return await self.writer.write([note.topic], lambda tx, log: store(tx, log, [note]))

    async def drain(self, slots: Collection[int]) -> None:
        self.released.append(frozenset(slots))


class Deployment:
    """Processes over one database and one bus."""

    def __init__(self, db: Database, group: asyncio.TaskGroup) -> None:
        self.db = db
        self.network = FaultyNetwork(lambda: 0.5, SystemClock(), dropped=0, repeated=0, slowest=0)
        self.actors: list[Actor] = []
        self._group = group

    def freeze(self, actor: Actor) -> None:
        """Stop a process as a signal does: it does not end, and does nothing."""
        actor.clock.thawed.clear()
        actor.bus.crash()

    def thaw(self, actor: Actor) -> None:
        """Have it go on, with its heartbeat for news."""
        actor.clock.thawed.set()

    async def start(self, name: str = "any", only: Sequence[str] | None = None, plugin: str = "notes") -> Actor:
        """One process more."""
        clock = Freezer()
        leases = Leases(f"{name}-{clock.random_text(8)}")
        me = Member(leases.owner, name, frozenset({plugin}), "")
        share = Share(NOTES.name, NOTES.slots, "notes", only)
        bus = self.network.bus()
        registry = Registry(self.db, leases, bus, clock, me=me, shares=[share], rhythm=RHYTHM)
        actor = Actor(leases, registry, Writer(NOTES, self.db, leases, bus), clock, bus)
        actor.writer.on_release(actor.drain)
        up = asyncio.Event()
        self._group.create_task(self._live(actor, up))
        await up.wait()
        self.actors.append(actor)
        return actor

    async def _live(self, actor: Actor, up: asyncio.Event) -> None:
        async with actor.registry.joined("http://127.0.0.1"):
            up.set()
            await actor.stop.wait()


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    database = await open_database(database_url)
    await prepare(database)
    yield database
    await database.close()


@asynccontextmanager
async def deployment(db: Database) -> AsyncIterator[Deployment]:
    async with asyncio.TaskGroup() as group:
        living = Deployment(db, group)
        try:
            yield living
        finally:
            for actor in living.actors:
                actor.stop.set()


async def until(condition: Callable[[], bool]) -> None:
    """Wait, for as long as it may reasonably take, until something is so."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  # what is waited for is in several processes at once
            await asyncio.sleep(0.005)


def shared(*actors: Actor) -> bool:
    """Whether each slot is held by just one of them, and each of them has what it should have."""
    held = [slot for actor in actors for slot in actor.held]
    return sorted(held) == sorted(NOTE_SLOTS) and all(
        owner is not None and (owner.id == actor.leases.owner) == (slot in actor.held)
        for actor in actors
        for slot in NOTE_SLOTS
        for owner in [actor.registry.owner(NOTES, topic_in(slot))]
    )


async def test_the_first_process_takes_everything_at_once(db: Database) -> None:
    async with deployment(db) as cluster:
        first = await cluster.start()

        assert first.held == NOTE_SLOTS
        await first.say(0, "hello")


async def test_calls_that_were_done_long_ago_are_forgotten(db: Database) -> None:
    def keys(tx: Transaction) -> list[tuple[str]]:
        return tx.all("SELECT key FROM calls_done")

    await db.write(lambda tx: tx.run("INSERT INTO calls_done (key, done_ms) VALUES ('old', 1)"))
    assert not await db.write(lambda tx: done_before(tx, "new"))
    async with deployment(db) as processes:
        await processes.start()
        async with asyncio.timeout(PATIENCE):
            while await db.read(keys) != [("new",)]:  # noqa: ASYNC110  # with the next heartbeat
                await asyncio.sleep(0.01)


async def test_a_process_that_joins_gets_its_share_by_a_handover(db: Database) -> None:
    async with deployment(db) as cluster:
        first = await cluster.start()
        others = [await cluster.start() for _ in range(3)]
        await until(lambda: shared(first, *others))

        moved = NOTE_SLOTS - first.held
        assert frozenset().union(*first.released) == moved
        for actor in (first, *others):
            for slot in actor.held:
                await actor.say(slot, "mine")
            for slot in NOTE_SLOTS - actor.held:
                with pytest.raises(NotOwner):
                    await actor.say(slot, "not mine")


async def test_a_process_that_stops_hands_over_first(db: Database) -> None:
    async with deployment(db) as cluster:
        first, second = await cluster.start(), await cluster.start()
        await until(lambda: shared(first, second))
        mine = first.held
        first.stop.set()
        await until(lambda: second.held == NOTE_SLOTS)

        assert not first.held
        assert frozenset().union(*first.released) >= mine
        await until(lambda: list(second.registry.members) == [second.leases.owner])


async def test_the_slots_of_a_process_that_died_are_taken_over(db: Database) -> None:
    async with deployment(db) as cluster:
        first, second = await cluster.start(), await cluster.start()
        await until(lambda: shared(first, second))
        heard: list[str] = []
        second.writer.on_take(lambda: heard.append("more"))
        cluster.freeze(first)
        await until(lambda: second.held == NOTE_SLOTS)

        assert heard, "it is told, for there may be something that the other has left undone"
        for slot in NOTE_SLOTS:
            await second.say(slot, "mine now")
        cluster.thaw(first)
        await until(lambda: shared(first, second))


async def test_a_frozen_process_that_thaws_cannot_write_what_it_held(db: Database) -> None:
    async with deployment(db) as cluster:
        first, second = await cluster.start(), await cluster.start()
        await until(lambda: shared(first, second) and bool(first.held))
        cluster.freeze(first)
        await until(lambda: second.held == NOTE_SLOTS)
        believed = first.held
        assert believed
        said = await asyncio.gather(*(first.say(slot, "too late") for slot in believed), return_exceptions=True)
        assert {type(outcome) for outcome in said} == {NotOwner}
        cluster.thaw(first)
        await until(lambda: shared(first, second))

        assert await written(db) == []
        assert frozenset().union(*first.released) >= believed


async def test_only_processes_with_the_plugin_own_its_stream(db: Database) -> None:
    async with deployment(db) as cluster:
        without, owner = await cluster.start(plugin="other"), await cluster.start()
        await until(lambda: shared(without, owner))

        assert owner.held == NOTE_SLOTS


async def test_a_stream_can_be_pinned_to_a_process(db: Database) -> None:
    async with deployment(db) as cluster:
        actors = [await cluster.start(name, only=["special"]) for name in ("plain", "special", "plain")]
        await until(lambda: shared(*actors))

        assert actors[1].held == NOTE_SLOTS


async def test_writes_go_on_while_processes_come_and_go(db: Database) -> None:
    async with deployment(db) as cluster:
        said: list[str] = []
        done = asyncio.Event()

        async def talk() -> None:
            number = 0
            while not done.is_set():
                for actor in list(cluster.actors):
                    for slot in actor.held:
                        number += 1
                        try:
                            await actor.say(slot, str(number))
                            said.append(str(number))
                        except NotOwner:
                            """It has moved in this moment."""
                await asyncio.sleep(0)

        first = await cluster.start()
        talking = asyncio.ensure_future(talk())
        second = await cluster.start()
        await until(lambda: shared(first, second))
        first.stop.set()
        third = await cluster.start()
        await until(lambda: shared(second, third))
        done.set()
        await talking

        stored = await written(db)
        assert [position for position, _ in stored] == list(range(1, len(stored) + 1))
        assert [text for _, text in stored] == said


async def test_a_database_that_was_away_kills_nobody(db: Database) -> None:
    """When it is back, who comes first sees that nobody was heard of for long. That is no reason to take everything."""
    async with deployment(db) as cluster:
        actors = [await cluster.start(), await cluster.start()]
        await until(lambda: shared(*actors))
        epochs = [dict(actor.leases.held(NOTES.name)) for actor in actors]
        for actor in actors:
            actor.clock.thawed.clear()
        await asyncio.sleep(RHYTHM.death + 2 * RHYTHM.beat)
        assert await db.write(lambda tx: tx.run("UPDATE processes SET seen_ms = 0")) == 2
        for actor in actors:
            actor.clock.thawed.set()
            while await db.read(lambda tx, me=actor.leases.owner: tx.value(_SEEN, (me,))) == 0:  # type: ignore[misc]
                """It has not come back yet."""

        assert [dict(actor.leases.held(NOTES.name)) for actor in actors] == epochs


_SEEN = "SELECT seen_ms FROM processes WHERE id = ?"
