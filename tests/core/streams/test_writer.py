"""Positions are handed out in the order of commits, without holes, and told of only when they are committed."""

import asyncio
from collections.abc import Sequence
from threading import Event

import pytest

from hs_core.db import DatabaseUnavailable, Transaction
from hs_core.streams.follower import stored_position
from hs_core.streams.writer import Log
from hs_core.testing.clock import TestClock
from tests.core.streams.notes import NOTES, Node, Note, running, store, topic_in, until, written


class Refused(Exception):
    """What work raises to have its transaction rolled back."""


async def test_a_written_row_is_stored_and_told_at_once_with_its_position(node: Node) -> None:
    assert await node.say("one") == 1
    assert await node.say("two", "three") == 2
    assert node.heard == [(1, "one"), (2, "two"), (3, "three")] == await written(node.db)
    assert node.follower.position == 3


async def test_many_writers_at_once_leave_no_holes_though_some_roll_back(node: Node) -> None:
    async def write(number: int) -> None:
        notes = [Note(topic_in(number % 4), f"{number}.{n}") for n in range(number % 3 + 1)]

        def work(tx: Transaction, log: Log[Note]) -> None:
            store(tx, log, notes)
            if number % 4 == 3:
                raise Refused

        await node.writer.write([notes[0].topic], work)

    outcomes = await asyncio.gather(*(write(number) for number in range(60)), return_exceptions=True)

    assert [isinstance(outcome, Refused) for outcome in outcomes] == [number % 4 == 3 for number in range(60)]
    stored = await written(node.db)
    assert [position for position, _ in stored] == list(range(1, len(stored) + 1))
    assert len(stored) == sum(number % 3 + 1 for number in range(60) if number % 4 != 3)
    assert node.heard == stored


async def test_nothing_is_told_of_a_transaction_that_was_rolled_back(node: Node) -> None:
    def work(tx: Transaction, log: Log[Note]) -> None:
        store(tx, log, [Note("a", "never")])
        raise Refused

    with pytest.raises(Refused):
        await node.writer.write(["a"], work)

    assert node.heard == []
    assert await node.say("first after all") == 1


async def test_a_reader_that_sees_a_position_sees_all_below_it(node: Node) -> None:
    """While one writer has taken positions and not committed, nobody else gets later ones committed before it."""
    loop = asyncio.get_running_loop()
    reserved, go_on = asyncio.Event(), Event()

    def slow(tx: Transaction, log: Log[Note]) -> None:
        store(tx, log, [Note("a", "slow")])
        loop.call_soon_threadsafe(reserved.set)
        go_on.wait(20)

    slowly = asyncio.ensure_future(node.writer.write(["a"], slow))
    await reserved.wait()
    quickly = asyncio.ensure_future(node.say("quick"))
    assert await written(node.db) == []
    assert await node.db.read(lambda tx: stored_position(tx, NOTES.name)) == 0
    go_on.set()
    await asyncio.gather(slowly, quickly)

    assert node.heard == [(1, "slow"), (2, "quick")]


async def test_the_row_is_not_told_before_it_is_committed(node: Node) -> None:
    seen: list[Sequence[tuple[int, str]]] = []
    looked = asyncio.Event()

    async def look() -> None:
        seen.append(await written(node.db))
        looked.set()

    tasks: list[asyncio.Future[None]] = []
    node.follower.subscribe(lambda batch: tasks.append(asyncio.ensure_future(look())))
    await node.say("one")
    await looked.wait()

    assert seen == [[(1, "one")]]


async def test_positions_can_be_reserved_in_several_steps(node: Node) -> None:
    def work(tx: Transaction, log: Log[Note]) -> list[int]:
        first = store(tx, log, [Note("a", "one"), Note("a", "two")])
        return [first, store(tx, log, [Note("a", "three")])]

    assert await node.writer.write(["a"], work) == [1, 3]
    assert node.heard == [(1, "one"), (2, "two"), (3, "three")]


async def test_a_position_without_its_row_is_a_mistake_that_is_not_committed(node: Node) -> None:
    with pytest.raises(AssertionError):
        await node.writer.write(["a"], lambda tx, log: log.reserve(2))

    assert await node.say("one") == 1


async def test_a_transaction_without_news_tells_nobody_and_takes_no_position(node: Node) -> None:
    await node.writer.write(["a"], lambda tx, log: tx.run("INSERT INTO notes VALUES (-1, 'a', 'quiet')"))

    assert node.heard == []
    assert await node.say("one") == 1


async def test_a_writer_in_doubt_has_the_followers_look(node: Node, clock: TestClock) -> None:
    """The connection was lost while the commit was on its way: the caller is told so, and the row is delivered."""
    await node.say_unheard("committed, but nobody heard of it")

    def lost(tx: Transaction, log: Log[Note]) -> None:
        raise DatabaseUnavailable("lost")

    with pytest.raises(DatabaseUnavailable):
        await node.writer.write(["a"], lost)
    async with running(node):
        await until(clock, lambda: bool(node.heard))

    assert node.heard == [(1, "committed, but nobody heard of it")]
