"""The database fails, or the room belongs to somebody else: callers hear so, and nothing is half done."""

import asyncio

import pytest

from hs_core.cluster.leases import NotOwner
from hs_core.db import DatabaseUnavailable
from hs_core.errors import as_matrix_error
from hs_core.matrix.identifiers import DeviceId
from hs_core.matrix.room_version import V11
from hs_core.testing.faults import failing_reads, failing_writes
from hs_core.testing.homeserver import Homeserver
from hs_plugins.rooms.api import Draft, Join, Sent
from tests.layouts import in_one_process
from tests.plugins.rooms.world import LOCAL, World

pytestmark = in_one_process


def message(body: str, txn_id: str | None = None) -> Draft:
    return Draft(sender=LOCAL, type="m.room.message", content={"body": body}, device_id=DeviceId("D"), txn_id=txn_id)


async def room_with_local(server: Homeserver) -> World:
    world = await World.begin(server, V11)
    joined = await world.rooms.join(world.dag.room_id, Join(user_id=LOCAL, content={}))
    await world.learn([joined.event_id])
    return world


async def test_what_could_not_be_stored_has_not_happened(server: Homeserver) -> None:
    world = await room_with_local(server)
    before = world.dag.tips
    with failing_writes(server.core.db, DatabaseUnavailable("away")):
        results = await asyncio.gather(
            *(world.rooms.send(world.dag.room_id, message(f"{n}")) for n in range(20)), return_exceptions=True
        )
    assert {as_matrix_error(error).status for error in results if isinstance(error, Exception)} == {503}
    assert not any(isinstance(result, Sent) for result in results)

    sent = await world.rooms.send(world.dag.room_id, message("again"))
    stored = await world.stored_event(sent.event_id)
    assert stored.event.prev_events == tuple(event.event_id for event in before)
    assert await world.extremities() == {sent.event_id}


async def test_a_commit_of_which_nobody_heard_is_found_by_the_retry(server: Homeserver) -> None:
    world = await room_with_local(server)
    with (
        failing_writes(server.core.db, DatabaseUnavailable("too late"), committed=True),
        pytest.raises(DatabaseUnavailable),
    ):
        await world.rooms.send(world.dag.room_id, message("once", "t1"))
    first = await world.rooms.send(world.dag.room_id, message("once", "t1"))
    assert await world.rooms.send(world.dag.room_id, message("once", "t1")) == first
    assert await world.extremities() == {first.event_id}


async def test_events_of_others_that_could_not_be_stored_may_come_again(server: Homeserver) -> None:
    world = await room_with_local(server)
    events = [world.dag.topic("one"), world.dag.message("two"), world.dag.topic("three")]
    with failing_writes(server.core.db, DatabaseUnavailable("away")), pytest.raises(DatabaseUnavailable):
        await world.deliver(events)
    assert await world.stored(events) == {}
    assert all(verdict.accepted for verdict in await world.deliver(events))
    assert await world.state() == world.dag.state_after(events[-1])


async def test_a_room_that_cannot_be_read_can_be_read_later(server: Homeserver) -> None:
    world = await room_with_local(server)
    with failing_writes(server.core.db, DatabaseUnavailable("away")), pytest.raises(DatabaseUnavailable):
        await world.rooms.send(world.dag.room_id, message("lost"))
    with failing_reads(server.core.db, DatabaseUnavailable("away")), pytest.raises(DatabaseUnavailable):
        await world.rooms.send(world.dag.room_id, message("the room must be loaded first"))
    assert (await world.rooms.send(world.dag.room_id, message("found"))).position


async def test_who_lost_a_room_writes_nothing_to_it(server: Homeserver) -> None:
    world = await room_with_local(server)
    with failing_writes(server.core.db, NotOwner("events", [1])), pytest.raises(NotOwner) as refused:
        await world.rooms.send(world.dag.room_id, message("mine"))
    assert as_matrix_error(refused.value).status == 503
    sent = await world.rooms.send(world.dag.room_id, message("mine again"))
    assert await world.extremities() == {sent.event_id}


async def test_a_room_of_many_branches_goes_on(server: Homeserver) -> None:
    world = await World.begin(server, V11)
    start = world.dag.tips
    for n in range(30):
        world.dag.message(str(n), after=start)
    await world.deliver()
    assert len(await world.extremities()) == 30

    joined = await world.rooms.join(world.dag.room_id, Join(user_id=LOCAL, content={}))
    assert len((await world.stored_event(joined.event_id)).event.prev_events) == 20
    await world.learn([joined.event_id])
    assert await world.state() == world.dag.state_after(world.dag.events[joined.event_id])
    assert len(await world.extremities()) == 11

    world.dag.message("a thirty-first", after=start)
    await world.deliver()
    assert len(await world.extremities()) == 1
