"""A follower delivers every row once and in order, whatever the bus does."""

import asyncio
from dataclasses import replace

import pytest

from hs_core.db import DatabaseUnavailable
from hs_core.plugin.declaration import Stream
from hs_core.streams import follower as module
from hs_core.streams.batch import Batch
from hs_core.streams.bus import MemoryBus
from hs_core.streams.registry import Streams
from hs_core.testing.clock import TestClock
from hs_core.testing.counting import counted
from tests.core.streams.notes import NOTES, Node, Note, running, start_node, until


def batch(after: int, *texts: str) -> Batch[Note]:
    """A batch of notes that begins behind `after`."""
    rows = [(after + n, Note("a", text)) for n, text in enumerate(texts, 1)]
    return Batch(NOTES.name, after, after + len(texts), rows)


def test_batches_are_delivered_in_order_however_they_arrive(node: Node) -> None:
    for arriving in (batch(2, "c"), batch(0, "a"), batch(0, "a"), batch(3, "d", "e"), batch(1, "b"), batch(2, "c")):
        node.follower.receive(arriving)

    assert node.heard == [(1, "a"), (2, "b"), (3, "c"), (4, "d"), (5, "e")]


def test_of_a_batch_that_overlaps_only_the_news_is_delivered(node: Node) -> None:
    node.follower.receive(batch(0, "a", "b"))
    node.follower.receive(batch(1, "b", "c"))
    node.follower.receive(batch(4, "e", "f"))
    node.follower.receive(batch(4, "e"))
    node.follower.receive(batch(2, "c", "d", "e"))

    assert node.heard == [(1, "a"), (2, "b"), (3, "c"), (4, "d"), (5, "e"), (6, "f")]


async def test_a_gap_is_closed_from_the_database(node: Node, clock: TestClock) -> None:
    await node.say("one")
    await node.say_unheard("two", "three")
    await node.say("four")
    assert node.heard == [(1, "one")]
    async with running(node):
        await until(clock, lambda: len(node.heard) == 4)

    assert node.heard == [(1, "one"), (2, "two"), (3, "three"), (4, "four")]


async def test_a_late_message_is_waited_for_before_the_database_is_asked(node: Node, clock: TestClock) -> None:
    async with running(node):
        node.follower.receive(batch(1, "b"))
        await clock.advance(module.GAP_PATIENCE / 2)
        node.follower.receive(batch(0, "a"))
        await clock.advance(module.GAP_PATIENCE)

    assert node.heard == [(1, "a"), (2, "b")]


async def test_messages_that_overtake_each_other_all_the_time_send_nobody_to_the_database(
    node: Node, clock: TestClock
) -> None:
    """Where several processes write, a message is on its way whenever one looks."""
    async with running(node):
        reads = node.db.reads.done + 1  # it begins with a look
        await until(clock, lambda: node.db.reads.done == reads)
        node.follower.receive(batch(1, "2"))
        for late in range(1, 100, 2):
            await clock.advance(module.GAP_PATIENCE * 0.3)
            assert node.follower.behind
            node.follower.receive(batch(late + 2, str(late + 3)))
            node.follower.receive(batch(late - 1, str(late)))
        assert node.db.reads.done == reads


async def test_catching_up_takes_as_many_steps_as_it_needs(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CATCH_UP_ROWS", 3)
    await node.say_unheard(*map(str, range(1, 11)))
    await node.follower.catch_up()

    assert node.heard == [(n, str(n)) for n in range(1, 11)]


async def test_rows_that_are_gone_are_passed_over(node: Node) -> None:
    """A later row replaced them, or they were purged."""
    await node.say_unheard("one", "two", "three")
    await node.db.write(lambda tx: tx.run("DELETE FROM notes WHERE position <> 2"))
    await node.follower.catch_up()

    assert node.heard == [(2, "two")]
    assert node.follower.position == 3


async def test_a_follower_that_starts_late_begins_at_the_end(node: Node, clock: TestClock) -> None:
    await node.say("before")
    bus = MemoryBus()
    late = await start_node(node.db, bus, clock)
    await node.say("after")
    async with running(late):
        await until(clock, lambda: bool(late.heard))

    assert late.heard == [(2, "after")]


async def test_who_has_not_been_asked_yet_reads_nothing_however_far_the_stream_has_come(
    node: Node, clock: TestClock
) -> None:
    await node.say("one", "two")
    streams = Streams(node.db, node.leases, MemoryBus(), clock)
    await streams.begin([NOTES], [])
    streams.prepare([NOTES.name])
    sleeper = streams.follower(NOTES)
    with counted(node.db) as statements:
        async with running(replace(node, streams=streams)):
            for _ in range(3):
                streams.told({NOTES.name: 2})
                await clock.advance(module.GAP_PATIENCE * 2)
    assert not statements

    await sleeper.awake()
    assert sleeper.position == 2


async def test_reached_waits_for_a_position_to_be_delivered(node: Node) -> None:
    assert await node.follower.reached(0)
    waiting = asyncio.ensure_future(node.follower.reached(2))
    await node.say("one")
    assert not waiting.done()
    await node.say("two")

    assert await waiting
    assert len(node.heard) == 2


async def test_a_position_that_the_bus_does_not_tell_of_is_looked_for(node: Node, clock: TestClock) -> None:
    await node.say_unheard("one")
    async with running(node):
        waiting = asyncio.ensure_future(node.follower.reached(1))
        await until(clock, waiting.done)

    assert await waiting
    assert node.heard == [(1, "one")]


async def test_a_position_that_was_never_handed_out_is_not_waited_for(node: Node, clock: TestClock) -> None:
    await node.say("one")
    async with running(node):
        waiting = asyncio.ensure_future(node.follower.reached(1000))
        await until(clock, waiting.done)

    assert not await waiting


async def test_who_gives_up_waiting_is_forgotten(node: Node, clock: TestClock) -> None:
    async with running(node):
        waiting = asyncio.ensure_future(node.follower.reached(1))
        await clock.advance(0)
        waiting.cancel()
        await clock.advance(1)
        await node.say("one")

    assert waiting.cancelled()
    assert node.heard == [(1, "one")]


async def test_a_database_that_is_away_is_asked_again(
    node: Node, clock: TestClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = 0
    read = node.db.read

    async def failing(work: object) -> object:
        nonlocal reads
        reads += 1
        if reads < 4:
            raise DatabaseUnavailable("away")
        return await read(work)  # type: ignore[arg-type]

    await node.say_unheard("one")
    monkeypatch.setattr(node.db, "read", failing)
    async with running(node):
        node.follower.look()
        await until(clock, lambda: bool(node.heard))

    assert node.heard == [(1, "one")]


async def test_a_subscriber_that_fails_keeps_nothing_from_the_others(node: Node) -> None:
    heard: list[int] = []

    def fail(_: Batch[Note]) -> None:
        raise ValueError("a mistake")

    node.follower.subscribe(fail)
    node.follower.subscribe(lambda batch: heard.append(batch.up_to))
    await node.say("one")
    await node.say("two")

    assert heard == [1, 2]


async def test_early_rows_take_bounded_memory_and_come_from_the_database_instead(
    node: Node, clock: TestClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_EARLY_ROWS", 5)
    await node.say_unheard("1")
    for number in range(2, 21):
        await node.say(str(number))
    held = [value for value in vars(node.follower).values() if isinstance(value, dict)]
    assert max(map(len, held)) == 5
    async with running(node):
        await until(clock, lambda: len(node.heard) == 20)

    assert node.heard == [(n, str(n)) for n in range(1, 21)]


async def test_a_batch_that_the_database_does_not_have_is_forgotten(node: Node, clock: TestClock) -> None:
    """Two deployments by mistake on one bus, say."""
    node.follower.receive(batch(100, "not ours"))
    async with running(node):
        await until(clock, lambda: not node.follower.behind)
        await node.say("one")

    assert node.heard == [(1, "one")]


async def test_a_stream_that_nobody_declared_to_read_has_no_follower(node: Node) -> None:
    with pytest.raises(LookupError, match="accounts"):
        node.streams.follower(Stream("accounts", Note, NOTES.load))
