"""Whatever a bus, takeovers and crashes do to streams in memory: each process tells of every row once, the newest last.

In simulated time and by one source of chance, so that a seed tells the same story each time.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest

from hs_core.cluster.leases import Leases
from hs_core.cluster.placement import slot_of
from hs_core.plugin.declaration import Stream, nothing_stored
from hs_core.streams.announcer import Announcer
from hs_core.streams.batch import Batch
from hs_core.streams.follower import GAP_PATIENCE, Follower
from hs_core.streams.registry import Streams
from hs_core.testing.clock import TestClock
from hs_core.testing.faulty_bus import FaultyBus, FaultyNetwork
from tests.core.streams.notes import KEPT, Note, prepare, topic_in
from tests.core.streams.simulated_database import SimulatedDatabase, SimulatedServer

RUMOURS = Stream("rumours", Note, nothing_stored, slots=16, kept=KEPT)
STORY_SECONDS = 4
PROCESSES = 3
SLOTS = 4
"""Few of those that there are, so that they are contended."""
SEEDS = range(40)

_EPOCHS = "SELECT slot, epoch FROM stream_slots WHERE stream = 'rumours'"


@dataclass(eq=False)
class Actor:
    """A process of the story: it says numbered words, and remembers what it has heard."""

    db: SimulatedDatabase
    bus: FaultyBus
    leases: Leases
    follower: Follower[Note]
    announcer: Announcer[Note]
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    heard: list[tuple[int, Note]] = field(default_factory=list)
    readers: list[tuple[int, int, list[tuple[int, Note]]]] = field(default_factory=list)
    """Where a client of this process began and has come to, and what it was told."""

    shown: dict[str, str] = field(default_factory=dict)
    """The text of each topic that has one, as it was heard last."""

    def hear(self, batch: Batch[Note]) -> None:
        self.heard += batch.rows
        for _, note in batch.rows:
            self.shown[note.topic] = note.text
            if not note.text:
                del self.shown[note.topic]

    def read(self) -> None:
        """All clients are told what is new, and one more comes."""
        now = self.follower.position
        for n, (began, at, told) in enumerate(self.readers):
            told += [(position, row) for position, row in self.heard if at < position <= now]
            self.readers[n] = began, now, told
        self.readers.append((now, now, []))

    def stop(self) -> None:
        for task in self.tasks:
            task.cancel()


class Story:
    """What happens, and what is known of it at the end."""

    def __init__(self, seed: int, *, slowest: float = 0.5, dropped: float | None = None) -> None:
        self.random = random.Random(seed)
        self.clock = TestClock()
        self.server = SimulatedServer(self.random.random, self.clock)
        dropped = self.random.choice([0.0, 0.2, 0.5, 0.9]) if dropped is None else dropped
        self.network = FaultyNetwork(self.random.random, self.clock, dropped=dropped, slowest=slowest)
        self.alive: list[Actor] = []
        self.crashed: list[Actor] = []
        self.said: list[str] = []
        self.true: dict[int, set[str]] = defaultdict(set)
        """By slot, what its newest owner has said, or has taken on."""
        self.lies: list[tuple[str, str]] = []
        """What somebody still showed at the end that is not true any more, and whose slot somebody had taken on."""

    async def tell(self) -> None:
        """From the beginning to the moment when all is quiet, and everybody has had a last word."""
        await self._begin()
        ends = self.clock.monotonic() + STORY_SECONDS
        while self.clock.monotonic() < ends:
            while len(self.alive) < PROCESSES:
                await self._start()
            await self.clock.advance(self.random.random() * 0.2)
            actor = self.random.choice(self.alive)
            actor.read()
            self._speak(self.random.choice(self.alive))
            if self.random.random() < 0.2:
                await self._take(actor)
            if self.random.random() < 0.05:
                self._crash(actor)
        for slot in range(SLOTS):
            await self._take(self.random.choice(self.alive), slot)
        self.network.heal()
        await self.clock.advance(10)
        for slot in range(SLOTS):
            for topic in (topic_in(slot), topic_in(slot, 1)):
                shown = [actor.shown[topic] for actor in self.alive if topic in actor.shown]
                self.lies += [(topic, text) for text in shown if text not in self.true[slot]]
        for actor in self.alive:
            for slot in actor.announcer.held:  # those as well that have lost it and do not know
                self.say(actor, slot, last=True)
        await self._end()

    async def tell_without_takeovers(self) -> None:
        """Everybody has slots of their own, and keeps them."""
        await self._begin()
        for slot in range(PROCESSES):
            await self._start()
            await self._take(self.alive[slot], slot)
        await self.clock.advance(1)
        for _ in range(60):
            await self.clock.advance(self.random.random() * GAP_PATIENCE / 2)
            self._speak(self.random.choice(self.alive))
        await self._end()

    def owner_epochs(self) -> dict[int, int]:
        return self.server.read(lambda tx: dict(tx.all(_EPOCHS)))

    def say(self, actor: Actor, slot: int, *, last: bool = False) -> None:
        """Some words, each of which names its slot, the epoch and its number."""
        topics = [topic_in(slot), topic_in(slot, 1)]
        chosen = topics if last else self.random.choices(topics, k=self.random.randrange(1, 3))
        rows = [self._word(actor, slot, topic) for topic in chosen]
        if self.owner_epochs()[slot] == actor.announcer.held[slot]:
            self.true[slot] |= {note.text for _, note in rows}
        actor.announcer.announce(rows)

    def _word(self, actor: Actor, slot: int, topic: str) -> tuple[str, Note]:
        text = f"{slot} {actor.announcer.held[slot]} {len(self.said)}"
        self.said.append(text)
        return topic, Note(topic, text)

    async def _begin(self) -> None:
        self.server.away = 0.0
        await self._while_time_passes(prepare(SimulatedDatabase(self.server)))
        self.server.away = self.random.choice([0.0, 0.1])

    async def _end(self) -> None:
        self.server.away = 0.0
        await self.clock.advance(10)
        for actor in self.alive:
            actor.read()
            actor.stop()
        await self.clock.advance(0)

    def _speak(self, actor: Actor) -> None:
        if actor.announcer.held:
            self.say(actor, self.random.choice(sorted(actor.announcer.held)))

    async def _start(self) -> None:
        away, self.server.away = self.server.away, 0.0
        db, bus, leases = SimulatedDatabase(self.server), self.network.bus(), Leases(f"process {self.random.random()}")
        streams = Streams(db, leases, bus, self.clock)
        await self._while_time_passes(streams.begin([RUMOURS], [RUMOURS.name]))
        actor = Actor(db, bus, leases, streams.follower(RUMOURS), streams.announcer(RUMOURS))
        actor.follower.subscribe(actor.hear)
        actor.tasks.append(asyncio.create_task(streams.run()))
        self.alive.append(actor)
        self.server.away = away

    async def _take(self, actor: Actor, slot: int | None = None) -> None:
        slot = self.random.randrange(SLOTS) if slot is None else slot
        await actor.leases.drain_lost()
        away, self.server.away = self.server.away, 0.0
        await self._while_time_passes(actor.leases.take(actor.db, RUMOURS.name, {slot: self.owner_epochs()[slot]}))
        self.server.away = away
        rows = [self._word(actor, slot, topic) for topic in actor.shown if slot_of(topic, RUMOURS.slots) == slot]
        self.true[slot] = {note.text for _, note in rows}
        actor.announcer.take_on([slot], rows)

    def _crash(self, actor: Actor) -> None:
        actor.db.crash()
        actor.bus.crash()
        actor.stop()
        self.alive.remove(actor)
        self.crashed.append(actor)

    async def _while_time_passes(self, doing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(doing)
        while not task.done():
            await self.clock.advance(0.01)
        await task


@pytest.fixture(params=SEEDS)
async def story(request: pytest.FixtureRequest) -> Story:
    story = Story(request.param)
    await story.tell()
    return story


async def test_the_laws_of_streams_in_memory_hold_in_every_story(story: Story) -> None:
    for actor in story.alive + story.crashed:
        positions = [position for position, _ in actor.heard]
        assert positions == sorted(set(positions)), "positions grow"
        texts = [note.text for _, note in actor.heard if note.text]
        assert len(texts) == len(set(texts)), "nothing is delivered twice"
        by_slot: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for of_slot, of_epoch, number in map(str.split, texts):
            by_slot[of_slot].append((int(of_epoch), int(number)))
        assert all(heard == sorted(heard) for heard in by_slot.values()), "an older word never comes after a newer one"
        for began, at, told in actor.readers:
            expected = [each for each in actor.heard if began < each[0] <= at]
            assert told == expected, "no token skips what comes late"

    assert story.lies == [], "what the owner of a slot does not know of is shown by nobody"
    newest = {(slot, epoch) for slot, epoch in story.owner_epochs().items() if slot < SLOTS}
    for actor in story.alive:
        last = {note.topic: note.text.split()[:2] for _, note in actor.heard}
        for slot, epoch in newest:
            for topic in (topic_in(slot), topic_in(slot, 1)):
                assert last[topic] == [str(slot), str(epoch)], "the owner has the last word"


@pytest.mark.parametrize("seed", range(10))
async def test_nothing_is_lost_where_nothing_is_dropped_or_late(seed: int) -> None:
    story = Story(seed, slowest=GAP_PATIENCE * 0.9, dropped=0.0)
    await story.tell_without_takeovers()

    for actor in story.alive:
        assert {note.text for _, note in actor.heard} == set(story.said)
        assert len(actor.heard) == len(story.said)


async def test_stories_are_about_something() -> None:
    stories = [Story(seed) for seed in range(1000, 1010)]
    for story in stories:
        await story.tell()

    assert any(story.crashed for story in stories)
    assert any(len(actor.heard) < len(story.said) / 2 for story in stories for actor in story.alive), "much is lost"
    assert any(len(told) > 10 for story in stories for actor in story.alive for _, _, told in actor.readers)
    lost = [story for story in stories for actor in story.alive if _believes_too_much(story, actor)]
    assert lost, "owners of before have their say"
    forgotten = [note for story in stories for actor in story.alive for _, note in actor.heard if not note.text]
    assert forgotten, "some heirs do not know of everything"


def _believes_too_much(story: Story, actor: Actor) -> bool:
    return any(story.owner_epochs()[slot] != epoch for slot, epoch in actor.announcer.held.items())
