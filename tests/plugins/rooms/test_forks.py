"""Whatever other servers do to a room, we come to the states that state resolution has for it."""

from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hs_core.testing.homeserver import Homeserver
from hs_core.testing.room_dag import RoomDag
from tests.matrix.state_res.test_generated_rooms import rooms
from tests.plugins.rooms.world import World, redrawn, unique_name


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(dag=rooms(), random=st.randoms(use_true_random=False))
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
