"""Fencing: whoever lost a slot cannot commit for it, whatever it believes."""

import asyncio
from collections.abc import AsyncIterator
from threading import Event

import pytest

from hs_core.clock import SystemClock
from hs_core.cluster.leases import NotOwner
from hs_core.db import Transaction
from hs_core.errors import as_matrix_error
from hs_core.streams.bus import MemoryBus
from hs_core.streams.writer import Log
from tests.core.streams.notes import NOTES, Node, Note, owner, start_node, store, topic_in, written

postgresql_only = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
"""SQLite has one writer: nothing can happen while a transaction is under way."""


@pytest.fixture
async def node(database_url: str) -> AsyncIterator[Node]:
    async with owner(database_url) as node:
        yield node


@pytest.fixture
async def other(node: Node) -> Node:
    """Another process of the deployment, which owns nothing."""
    return await start_node(node.db, MemoryBus(), SystemClock())


async def test_who_holds_nothing_cannot_write(node: Node, other: Node) -> None:
    assert not other.writer.owns("a")
    with pytest.raises(NotOwner):
        other.writer.check_owner("a")
    with pytest.raises(NotOwner):
        await other.say("one")

    assert await written(node.db) == []


async def test_a_writer_whose_slot_was_taken_cannot_commit(node: Node, other: Node) -> None:
    mine, lost = topic_in(0), topic_in(1)
    await other.leases.take(other.db, NOTES.name, {1: node.leases.held(NOTES.name)[1]})

    assert node.writer.owns(lost)  # it has not heard of it yet
    with pytest.raises(NotOwner) as refusal:
        await node.say("too late", topic=lost)
    assert refusal.value.slots == {1}
    await node.say("still mine", topic=mine)
    await other.say("mine now", topic=lost)
    assert await written(node.db) == [(1, "still mine"), (2, "mine now")]


async def test_what_was_lost_is_noticed_with_the_next_write(node: Node, other: Node) -> None:
    await other.leases.take(other.db, NOTES.name, {1: node.leases.held(NOTES.name)[1]})
    await node.say("mine", topic=topic_in(0))

    assert not node.writer.owns(topic_in(1))
    assert node.writer.owns(topic_in(0))


async def test_one_lost_slot_is_enough_to_refuse_a_transaction(node: Node, other: Node) -> None:
    await other.leases.take(other.db, NOTES.name, {1: node.leases.held(NOTES.name)[1]})
    notes = [Note(topic_in(0), "one"), Note(topic_in(1), "two")]

    with pytest.raises(NotOwner):
        await node.writer.write([note.topic for note in notes], lambda tx, log: store(tx, log, notes))
    assert await written(node.db) == []


@postgresql_only
async def test_a_slot_that_was_lost_and_won_back_has_another_epoch(node: Node, other: Node) -> None:
    """What was begun before the loss is not committed, even if the slot is ours again: others wrote meanwhile."""
    loop = asyncio.get_running_loop()
    begun, go_on = asyncio.Event(), Event()

    def slow(tx: Transaction, log: Log[Note]) -> None:
        loop.call_soon_threadsafe(begun.set)
        go_on.wait(20)
        store(tx, log, [Note(topic_in(1), "stale")])

    epoch = node.leases.held(NOTES.name)[1]
    stale = asyncio.ensure_future(node.writer.write([topic_in(1)], slow))
    await begun.wait()
    await other.leases.take(other.db, NOTES.name, {1: epoch})
    await other.say("theirs", topic=topic_in(1))
    await node.leases.take(node.db, NOTES.name, {1: epoch + 1})
    go_on.set()
    with pytest.raises(NotOwner):
        await stale
    await node.say("ours again", topic=topic_in(1))

    assert node.leases.held(NOTES.name)[1] == epoch + 2
    assert await written(node.db) == [(1, "theirs"), (2, "ours again")]


async def test_a_transaction_without_news_is_fenced_too(node: Node, other: Node) -> None:
    await other.leases.take(other.db, NOTES.name, dict(node.leases.held(NOTES.name)))

    with pytest.raises(NotOwner):
        await node.writer.write(["a"], lambda tx, log: tx.run("INSERT INTO notes VALUES (-1, 'a', 'quiet')"))
    assert await written(node.db) == []
    assert await node.db.read(lambda tx: tx.value("SELECT COUNT(*) FROM notes")) == 0


@postgresql_only
async def test_a_slot_cannot_be_taken_while_its_owner_is_about_to_commit(node: Node, other: Node) -> None:
    loop = asyncio.get_running_loop()
    reserved, go_on = asyncio.Event(), Event()

    def slow(tx: Transaction, log: Log[Note]) -> None:
        store(tx, log, [Note(topic_in(1), "in time")])
        loop.call_soon_threadsafe(reserved.set)
        go_on.wait(20)

    writing = asyncio.ensure_future(node.writer.write([topic_in(1)], slow))
    await reserved.wait()
    taking = asyncio.ensure_future(other.leases.take(other.db, NOTES.name, {1: node.leases.held(NOTES.name)[1]}))
    assert await other.db.read(lambda tx: tx.value("SELECT 1")) == 1
    assert not taking.done()
    go_on.set()
    await asyncio.gather(writing, taking)

    assert other.writer.owns(topic_in(1))
    assert await written(node.db) == [(1, "in time")]


async def test_of_two_who_take_a_free_slot_one_gets_it(node: Node, other: Node) -> None:
    third = await start_node(node.db, MemoryBus(), SystemClock())
    free = dict(node.leases.held(NOTES.name))
    await node.leases.release(node.db, NOTES.name, list(free))
    await asyncio.gather(*(each.leases.take(each.db, NOTES.name, free) for each in (other, third)))

    held = [set(each.leases.held(NOTES.name)) for each in (node, other, third)]
    assert held[0] == set()
    assert held[1] ^ held[2] == set(range(NOTES.slots))


async def test_a_released_slot_can_be_written_by_nobody(node: Node) -> None:
    await node.leases.release(node.db, NOTES.name, [2])

    assert not node.writer.owns(topic_in(2))
    with pytest.raises(NotOwner):
        await node.say("too late", topic=topic_in(2))
    await node.say("mine", topic=topic_in(0))


async def test_a_process_that_leaves_begins_nothing_and_commits_what_it_began(node: Node) -> None:
    node.leases.leave(NOTES.name, [1])

    assert not node.writer.owns(topic_in(1))
    assert node.writer.owns(topic_in(0))
    await node.say("begun before", topic=topic_in(1))
    node.leases.stay(NOTES.name)
    assert node.writer.owns(topic_in(1))


async def test_a_process_that_was_taken_for_dead_holds_nothing(node: Node) -> None:
    node.leases.begin_again("another name")

    assert not node.writer.owns("a")
    with pytest.raises(NotOwner):
        await node.say("too late")


async def test_a_failed_proof_is_told_of(node: Node, other: Node) -> None:
    doubts: list[bool] = []
    node.leases.on_doubt = lambda: doubts.append(True)
    await node.say("one")
    assert not doubts
    await other.leases.take(other.db, NOTES.name, dict(node.leases.held(NOTES.name)))
    with pytest.raises(NotOwner):
        await node.say("two")

    assert doubts


async def test_clients_are_asked_to_try_again() -> None:
    refusal = as_matrix_error(NotOwner("notes", {1}))

    assert refusal.status == 503
    assert refusal.headers == {"Retry-After": "1"}
    assert "notes" not in str(refusal.body())
