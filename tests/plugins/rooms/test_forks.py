"""Whatever other servers do to a room, we come to the states that state resolution has for it."""

from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hs_core.testing.homeserver import Homeserver
from hs_core.testing.room_dag import RoomDag
from tests.matrix.state_res.test_generated_rooms import rooms
from tests.plugins.rooms.world import World, redrawn, unique_name

drawn = settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
chances = st.randoms(use_true_random=False)


async def check_current_state(world: World) -> None:
    """The current state is the resolution of the newest events' states; who is in the room follows from it."""
    tips = [world.dag.events[event_id] for event_id in await world.extremities()]
    current = await world.state()
    assert current == world.dag.resolve(*tips)
    assert not any(event.event_id in world.dag.rejected for event in tips)

    members = {key[1]: event_id for key, event_id in current.items() if key[0] == "m.room.member"}
    assert await world.members(()) == members
    joined = [one for one in members.values() if world.dag.events[one].content["membership"] == "join"]
    room = (await world.read.members.rooms([world.dag.room_id]))[world.dag.room_id]
    assert room.joined_members == len(joined)


@drawn
@given(dag=rooms(), random=chances)
async def test_every_state_of_a_room_is_as_its_other_servers_have_it(
    server: Homeserver, dag: RoomDag, random: Random
) -> None:
    world = World(server, redrawn(dag, unique_name()))
    await world.open()
    events = list(world.dag.events.values())[1:]
    random.shuffle(events)
    verdicts = await world.deliver(events)

    for event, verdict in zip(events, verdicts, strict=True):
        assert verdict.event_id == event.event_id
        assert not verdict.missing
        assert (verdict.refused is not None) == (event.event_id in world.dag.rejected), verdict
        assert await world.state_after(event) == world.dag.state_after(event)
    await check_current_state(world)


@settings(drawn, max_examples=12)
@given(dag=rooms(), random=chances)
async def test_events_that_come_one_by_one_wait_for_those_before_them(
    server: Homeserver, dag: RoomDag, random: Random
) -> None:
    world = World(server, redrawn(dag, unique_name()))
    await world.open()
    known = {world.dag.create_event.event_id}
    waiting = list(world.dag.events.values())[1:]
    while waiting:
        event = waiting.pop(random.randrange(len(waiting)))
        (verdict,) = await world.deliver([event])
        assert set(verdict.missing) == {*event.prev_events, *event.auth_events} - known
        if verdict.missing:
            waiting.append(event)
        else:
            known.add(event.event_id)
            assert await world.state_after(event) == world.dag.state_after(event)
    await check_current_state(world)
