"""A stream of notes, sharded by topic, and a process that writes and follows it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import msgspec

from hs_core.clock import Clock, SystemClock
from hs_core.cluster.leases import Leases
from hs_core.cluster.placement import slot_of
from hs_core.db import Database, Transaction, open_database
from hs_core.db.migrate import Migrations, migrate
from hs_core.plugin.declaration import By, Kept, Stream
from hs_core.streams.batch import Batch
from hs_core.streams.bus import Bus, MemoryBus
from hs_core.streams.follower import Follower
from hs_core.streams.registry import Streams
from hs_core.streams.writer import Log, Writer
from hs_core.testing.clock import TestClock


class Note(msgspec.Struct, frozen=True, array_like=True):
    """A row of the stream."""

    topic: str
    text: str


KEPT: Kept[Note] = Kept(key=lambda note: note.topic, nothing=lambda topic: Note(topic, ""))
"""Of streams in memory: the newest note of a topic says all about it, and an empty one that there is nothing."""

TABLE = "CREATE TABLE notes (position BIGINT NOT NULL PRIMARY KEY, topic TEXT NOT NULL, text TEXT NOT NULL)"
_ROWS = "SELECT position, topic, text FROM notes WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"


def load_notes(tx: Transaction, after: int, up_to: int, limit: int) -> list[tuple[int, Note]]:
    return [(position, Note(topic, text)) for position, topic, text in tx.all(_ROWS, (after, up_to, limit))]


NOTES = Stream("notes", Note, load_notes, shard_by=By.ROOM, slots=16)


def topic_in(slot: int, number: int = 0) -> str:
    """The `number`th topic of a slot."""
    topics = [topic for n in range(1000) if slot_of(topic := f"topic {n}", NOTES.slots) == slot]
    return topics[number]


def store(tx: Transaction, log: Log[Note], notes: list[Note]) -> int:
    """Write notes at the end of the stream; the position of the first."""
    first = log.announce_all(notes)
    tx.insert_many(
        "notes", ("position", "topic", "text"), [(first + n, note.topic, note.text) for n, note in enumerate(notes)]
    )
    return first


@dataclass(frozen=True)
class Node:
    """What a process of a deployment has to do with the stream."""

    db: Database
    leases: Leases
    streams: Streams
    writer: Writer[Note]
    follower: Follower[Note]
    heard: list[tuple[int, str]]
    """Position and text of what the follower delivered."""

    async def say(self, *texts: str, topic: str = "a") -> int:
        """Write notes; the position of the first."""
        notes = [Note(topic, text) for text in texts]
        return await self.writer.write([topic], lambda tx, log: store(tx, log, notes))

    async def say_unheard(self, *texts: str, topic: str = "a") -> int:
        """Write notes of which the bus loses every word; the position of the first."""
        notes = [Note(topic, text) for text in texts]
        deaf = Writer(NOTES, self.db, self.leases, MemoryBus())
        return await deaf.write([topic], lambda tx, log: store(tx, log, notes))

    def hear(self, batch: Batch[Note]) -> None:
        self.heard.extend((position, note.text) for position, note in batch.rows)


async def prepare(db: Database) -> None:
    """Create the tables."""
    await migrate(db, [Migrations("hs_core")])
    await db.write(lambda tx: tx.run(TABLE))


async def start_node(db: Database, bus: Bus, clock: Clock) -> Node:
    """A process that holds nothing yet and does not run its follower."""
    leases = Leases(f"node-{uuid4().hex}")
    streams = Streams(db, leases, bus, clock)
    await streams.begin([NOTES], [NOTES.name])
    node = Node(db, leases, streams, streams.writer(NOTES), streams.follower(NOTES), [])
    node.follower.subscribe(node.hear)
    return node


@asynccontextmanager
async def owner(database_url: str, clock: Clock | None = None) -> AsyncIterator[Node]:
    """A process that owns everything, over an empty database."""
    db = await open_database(database_url)
    try:
        await prepare(db)
        node = await start_node(db, MemoryBus(), clock or SystemClock())
        await node.leases.take_all(db, [NOTES])
        yield node
    finally:
        await db.close()


@asynccontextmanager
async def running(*nodes: Node) -> AsyncIterator[None]:
    """The nodes' followers close gaps."""
    tasks = [asyncio.ensure_future(node.streams.run()) for node in nodes]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def until(clock: TestClock, condition: Callable[[], bool]) -> None:
    """Let time pass until something is so, as long as the database's threads have work."""
    for _ in range(500):
        if condition():
            return
        await clock.advance(0.02)
        await asyncio.to_thread(time.sleep, 0)
    raise AssertionError("it never came to be")


async def written(db: Database) -> list[tuple[int, str]]:
    """Position and text of everything that is in the database."""
    rows = await db.read(lambda tx: load_notes(tx, 0, 1 << 60, 1 << 60))
    return [(position, note.text) for position, note in rows]
