"""Purging history: messages go, the room stays."""

import pytest

from hs_core.db import DatabaseUnavailable
from hs_core.errors import NotFound
from hs_core.matrix.identifiers import EventId
from hs_core.matrix.room_version import V11
from hs_core.testing.faults import failing_writes
from hs_core.testing.homeserver import Homeserver
from hs_core.testing.room_dag import BEGINNING, INTERVAL
from hs_plugins.rooms import purging
from hs_plugins.rooms.api import Join, Place
from hs_plugins.rooms.plugin import plugin
from tests.layouts import in_one_process
from tests.plugins.rooms.world import BOB, LOCAL, World

pytestmark = in_one_process


async def timeline(world: World) -> list[EventId]:
    page = await world.read.timelines.page(world.dag.room_id, Place(-1, 0), backwards=False, limit=100)
    return [stored.event.event_id for stored in page.events]


async def purged(world: World, purge_id: str) -> int:
    """Let the background task run, as it does every few seconds."""
    (task,) = (task for task in plugin.tasks if task.name == "purge history")
    await task.run(world.rooms)
    purge = await world.rooms.purge(world.dag.room_id, purge_id)
    assert purge is not None
    assert purge.finished_ts is not None
    return purge.purged


async def test_messages_go_and_state_stays(server: Homeserver) -> None:
    world = await World.begin(server, V11)
    world.dag.join(BOB)
    messages = [world.dag.message(str(n), by=BOB) for n in range(12)]
    topic = world.dag.topic("in between")
    kept = [world.dag.message("kept") for _ in range(3)]
    await world.deliver()

    purge_id = await world.rooms.purge_history(world.dag.room_id, kept[0].event_id)
    assert await purged(world, purge_id) == len(world.dag.events) - len(kept)

    assert await timeline(world) == [event.event_id for event in kept]
    stored = await world.rows([*messages, topic])
    assert set(stored) == {topic.event_id}
    assert await world.state() == world.dag.state_after(kept[-1])
    joined = await world.rooms.join(world.dag.room_id, Join(user_id=LOCAL, content={}))
    assert (await world.stored_event(joined.event_id)).event.prev_events == (kept[-1].event_id,)


async def test_the_newest_event_stays_for_others_to_come_after_it(server: Homeserver) -> None:
    world = await World.begin(server, V11)
    last = [world.dag.message(str(n)) for n in range(3)][-1]
    await world.deliver()
    purge_id = await world.rooms.purge_history_before(world.dag.room_id, BEGINNING + 1000 * INTERVAL)
    await purged(world, purge_id)
    assert await timeline(world) == [last.event_id]
    world.dag.message("next")
    assert [verdict.accepted for verdict in await world.deliver()] == [True]


async def test_a_purge_goes_on_where_it_was_interrupted(server: Homeserver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purging, "STEP", 5)
    world = await World.begin(server, V11)
    last = [world.dag.message(str(n)) for n in range(60)][-1]
    await world.deliver()
    purge_id = await world.rooms.purge_history(world.dag.room_id, last.event_id)
    # Others write as well: what they keep of events.
    with failing_writes(server.core.db, DatabaseUnavailable("away"), after=20), pytest.raises(DatabaseUnavailable):
        await purged(world, purge_id)
    halfway = await world.rooms.purge(world.dag.room_id, purge_id)
    assert halfway is not None
    assert halfway.finished_ts is None
    assert halfway.purged >= 10
    assert await purged(world, purge_id) == len(world.dag.events) - 1
    assert await timeline(world) == [last.event_id]


async def test_only_what_is_in_the_timeline_can_end_a_purge(server: Homeserver) -> None:
    world = await World.begin(server, V11)
    with pytest.raises(NotFound):
        await world.rooms.purge_history(world.dag.room_id, EventId("$nothing"))
    with pytest.raises(NotFound):
        await world.rooms.purge_history_before(world.dag.room_id, BEGINNING)
    assert await world.rooms.purge(world.dag.room_id, "nothing") is None
