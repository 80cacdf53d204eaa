"""Whatever other servers do to a room, we come to the states that state resolution has for it."""

from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from hs_core.matrix.event import StateMap
from hs_core.testing.homeserver import Homeserver
from hs_core.testing.room_dag import RoomDag
from tests.matrix.state_res.test_generated_rooms import rooms
from tests.plugins.rooms.world import World

_names = count()


@settings(deadline=None, max_examples=60)
@given(rooms(), st.randoms(use_true_random=False))
async def test_every_state_of_a_room_is_as_its_other_servers_have_it(server: Homeserver, dag: RoomDag, random) -> None:
    world = World(server, dag)
    await world.open()
    events = list(dag.events.values())[1:]
    random.shuffle(events)
    verdicts = await world.deliver(events)

    for event, verdict in zip(events, verdicts, strict=True):
        assert verdict.event_id == event.event_id
        assert not verdict.missing
        assert (verdict.refused is not None) == (event.event_id in dag.rejected), verdict
        assert await world.state_after(event) == dag.state_after(event)
