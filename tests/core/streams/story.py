"""A story of a small deployment: processes write, take slots from each other, crash and are replaced.

Messages are lost on the way and the database fails now and then. All that in simulated time and by one source of
chance, so that a seed tells the same story each time.
"""

import asyncio
import random
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from hs_core.cluster.leases import NotOwner
from hs_core.db import DatabaseUnavailable, Transaction
from hs_core.streams.writer import Log
from hs_core.testing.clock import TestClock
from hs_core.testing.faulty_bus import FaultyBus, FaultyNetwork
from tests.core.streams.notes import NOTES, Node, Note, load_notes, prepare, start_node, store, topic_in
from tests.core.streams.simulated_database import SimulatedDatabase, SimulatedServer

STORY_SECONDS = 4
PROCESSES = 3
SLOTS = 4
"""Few of those that there are, so that they are contended."""

Rows = list[tuple[int, Note]]


@dataclass(eq=False)
class Actor:
    """A process of the story."""

    node: Node
    db: SimulatedDatabase
    bus: FaultyBus
    began_at: int
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def crash(self) -> None:
        """Be gone, with whatever was under way."""
        self.db.crash()
        self.bus.crash()
        self.rest()

    def rest(self) -> None:
        """Do nothing any more."""
        for task in self.tasks:
            task.cancel()


@dataclass
class Reader:
    """A client that asks another process each time, from where the last answer ended."""

    began_at: int
    position: int
    told: list[tuple[int, str]] = field(default_factory=list)

    def ask(self, actor: Actor) -> None:
        """Be told what is new. A process that has not come so far keeps the client waiting: that is no answer."""
        reached = actor.node.follower.position
        if reached >= self.position >= actor.began_at:
            self.told += actor.node.heard[self.position - actor.began_at : reached - actor.began_at]
            self.position = reached


class Story:
    """What happens, and what is known of it at the end."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.clock = TestClock()
        self.server = SimulatedServer(self.random.random, self.clock)
        self.network = FaultyNetwork(self.random.random, self.clock, dropped=self.random.choice([0.0, 0.2, 0.5, 0.9]))
        self.alive: list[Actor] = []
        self.crashed: list[Actor] = []
        self.acknowledged: set[str] = set()
        self.refused: set[str] = set()
        self.tokens: list[tuple[int, Rows]] = []
        """Positions that a client may have been given, with all that there was up to them at the time."""
        self.readers: list[Reader] = []
        self._told = 0

    async def tell(self) -> None:
        """From the beginning to the moment when all is quiet."""
        await self._while_time_passes(prepare(SimulatedDatabase(self.server)))
        self.server.away = self.random.choice([0.0, 0.05, 0.3])
        ends = self.clock.monotonic() + STORY_SECONDS
        while self.clock.monotonic() < ends:
            while len(self.alive) < PROCESSES:
                await self._while_time_passes(self._start())
            await self.clock.advance(self.random.random() * 0.3)
            self._hand_out_tokens()
            self._read()
            if self.random.random() < 0.15:
                self._crash()
        self.server.away = 0.0
        for actor in self.alive:
            for task in actor.tasks[1:]:
                task.cancel()
        await self.clock.advance(1)
        self.network.heal()
        await self.clock.advance(5)
        for reader in self.readers:
            for actor in self.alive:
                reader.ask(actor)
        for actor in self.alive:
            actor.rest()
        await self.clock.advance(0)

    def stored(self, up_to: int = 1 << 60) -> Rows:
        """The stream up to a position, as the database has it now."""
        return self.server.read(lambda tx: load_notes(tx, 0, up_to, 1 << 60))

    async def _while_time_passes(self, doing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(doing)
        while not task.done():
            await self.clock.advance(0.05)
        await task

    async def _start(self) -> None:
        db, bus = SimulatedDatabase(self.server), self.network.bus()
        try:
            node = await start_node(db, bus, self.clock)
        except DatabaseUnavailable:
            bus.crash()
            return
        actor = Actor(node, db, bus, node.follower.position)
        actor.tasks = [asyncio.create_task(each) for each in (node.streams.run(), self._write(node), self._take(node))]
        self.alive.append(actor)

    def _crash(self) -> None:
        victim = self.random.choice(self.alive)
        victim.crash()
        self.alive.remove(victim)
        self.crashed.append(victim)

    def _hand_out_tokens(self) -> None:
        for actor in self.alive:
            position = actor.node.follower.position
            self.tokens.append((position, self.stored(position)))

    def _read(self) -> None:
        if self.alive and self.random.random() < 0.3:
            position = self.random.choice(self.alive).node.follower.position
            self.readers.append(Reader(position, position))
        for reader in self.readers:
            if self.alive:
                reader.ask(self.random.choice(self.alive))

    async def _write(self, node: Node) -> None:
        while True:
            await self.clock.sleep(self.random.random() * 0.2)
            slot = self.random.randrange(SLOTS)
            epoch = node.leases.held(NOTES.name).get(slot)
            if epoch is not None:
                await self._write_to(node, slot, epoch)

    async def _write_to(self, node: Node, slot: int, epoch: int) -> None:
        topic, count = topic_in(slot), self.random.randrange(1, 4)
        self._told += 1
        texts = [f"{slot} {epoch} {self._told}.{n}" for n in range(count)]

        def work(tx: Transaction, log: Log[Note]) -> None:
            store(tx, log, [Note(topic, text) for text in texts])

        try:
            await node.writer.write([topic], work)
            self.acknowledged.update(texts)
        except NotOwner:
            self.refused.update(texts)
        except DatabaseUnavailable:
            """Nobody knows."""

    async def _take(self, node: Node) -> None:
        while True:
            await self.clock.sleep(self.random.random())
            slot = self.random.randrange(SLOTS)
            epoch = self.server.read(lambda tx: int(tx.value(_EPOCH, (slot,)) or 0))  # noqa: B023
            try:
                await node.leases.take(node.db, NOTES.name, {slot: epoch})
            except DatabaseUnavailable:
                """Another time."""


_EPOCH = "SELECT epoch FROM stream_slots WHERE stream = 'notes' AND slot = ?"
