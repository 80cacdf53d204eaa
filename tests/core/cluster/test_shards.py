"""Shares of a task: they come and go with processes, and whoever lost one cannot commit for it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from hs_core.cluster.leases import NotOwner
from hs_core.cluster.shards import Shards, TaskSlots
from hs_core.db import Database
from tests.core.cluster.test_registry import NOTE_SLOTS, Actor, Deployment, db, deployment, shared, until
from tests.core.streams.notes import NOTES, topic_in

__all__ = ["db"]

pytestmark = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)

PATIENCE = 20


def share_of(actor: Actor) -> Shards:
    return Shards(actor.leases, NOTES.name, NOTES.slots)


@pytest.fixture
async def cluster(db: Database) -> AsyncIterator[Deployment]:
    async with deployment(db) as living:
        yield living


async def test_a_share_shrinks_when_another_process_joins(cluster: Deployment) -> None:
    first = await cluster.start()
    share = share_of(first)
    assert share.own == NOTE_SLOTS
    second = await cluster.start()
    await until(lambda: shared(first, second))

    assert share.own == first.held
    assert share_of(second).own == second.held
    for slot in NOTE_SLOTS:
        assert share.owns(topic_in(slot)) == (slot in first.held)


async def test_what_was_lost_and_came_back_is_not_of_the_same_share(cluster: Deployment) -> None:
    first = await cluster.start()
    share = share_of(first)
    second = await cluster.start()
    await until(lambda: shared(first, second))
    gone = NOTE_SLOTS - first.held
    second.stop.set()
    await until(lambda: first.held == NOTE_SLOTS)

    assert share.own == NOTE_SLOTS - gone
    assert share_of(first).own == NOTE_SLOTS


async def test_a_process_that_was_taken_for_dead_cannot_commit(cluster: Deployment) -> None:
    first, second = await cluster.start(), await cluster.start()
    await until(lambda: shared(first, second) and bool(first.held))
    share, slot = share_of(first), min(first.held)
    await cluster.db.write(lambda tx: share.prove(tx, [topic_in(slot)]))
    cluster.freeze(first)
    await until(lambda: second.held == NOTE_SLOTS)

    with pytest.raises(NotOwner):
        await cluster.db.write(lambda tx: share.prove(tx, [topic_in(slot)]))
    taken = share_of(second)
    await cluster.db.write(lambda tx: taken.prove(tx, [topic_in(slot)]))
    cluster.thaw(first)


async def test_slots_are_given_away_after_the_turn_in_hand(cluster: Deployment) -> None:
    first = await cluster.start()
    slots = TaskSlots(first.leases, NOTES.name, NOTES.slots)
    async with slots.turn:
        share = slots.share()
        second = await cluster.start()
        await until(lambda: share.own != NOTE_SLOTS)  # it is told to begin nothing more for some
        assert not second.held
        assert first.held == NOTE_SLOTS
    await until(lambda: shared(first, second))
    async with asyncio.timeout(PATIENCE), slots.turn:
        assert slots.share().own == first.held
