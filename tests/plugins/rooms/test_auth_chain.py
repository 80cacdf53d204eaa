"""Auth chains as sets: always what walking along `auth_events` would find."""

from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hs_core.matrix.identifiers import EventId
from hs_core.matrix.room_version import V11
from hs_core.testing.homeserver import Homeserver
from hs_core.testing.room_dag import RoomDag
from hs_plugins.rooms import auth_chain
from hs_plugins.rooms.state_map import EMPTY, NewNodes, NodeHash
from tests.matrix.state_res.test_generated_rooms import rooms
from tests.plugins.rooms.world import World, redrawn, unique_name

ids = st.integers(0, 400).map(lambda n: EventId(f"${n}"))
sets_of_ids = st.lists(st.frozensets(ids, max_size=120), min_size=1, max_size=5)


def stored(nodes: NewNodes, members: frozenset[EventId]) -> NodeHash:
    chain, made = auth_chain.union({}, [], members)
    nodes.update(made)
    return chain


@settings(deadline=None, max_examples=100)
@given(sets_of_ids, st.frozensets(ids, max_size=20))
def test_a_union_is_a_union_whatever_it_is_made_of(sets: list[frozenset[EventId]], more: frozenset[EventId]) -> None:
    nodes: NewNodes = {}
    chains = [stored(nodes, members) for members in sets]
    whole, made = auth_chain.union(nodes, chains, more)
    everything = more.union(*sets)

    assert whole == stored({}, everything), "equal sets have equal names"
    assert auth_chain.members({**nodes, **made}, whole) == everything
    assert all(auth_chain.contains({**nodes, **made}, whole, one) for one in everything)
    assert not auth_chain.contains({**nodes, **made}, whole, EventId("$other"))


@settings(deadline=None, max_examples=100)
@given(sets_of_ids)
def test_what_differs_is_in_some_but_not_in_all(sets: list[frozenset[EventId]]) -> None:
    nodes: NewNodes = {}
    chains = [stored(nodes, members) for members in sets]
    assert auth_chain.differing(nodes, chains) == frozenset.union(*sets) - frozenset.intersection(*sets)


def test_nothing_is_made_of_nothing() -> None:
    assert auth_chain.union({}, [], []) == (EMPTY, {})


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(dag=rooms(), random=st.randoms(use_true_random=False))
async def test_every_chain_is_the_one_that_walking_finds(server: Homeserver, dag: RoomDag, random: Random) -> None:
    world = World(server, redrawn(dag, unique_name()))
    await world.open()
    await world.deliver()
    events = list(world.dag.events.values())
    some = random.sample(events, k=random.randint(1, len(events)))
    for asked in ([event] for event in events):
        assert await world.chain(asked) == world.dag.auth_chain(asked)
    assert await world.chain(some) == world.dag.auth_chain(some)


async def test_what_comes_before_an_event_is_told_in_order_and_bounded(server: Homeserver) -> None:
    world = await World.begin(server, V11)
    said = [world.dag.message(str(n)) for n in range(6)]
    other = world.dag.message("on another branch", after=said[2])
    last = world.dag.message("last", after=[said[-1], other])
    await world.deliver()
    preceding, room_id = world.read.history.preceding, world.dag.room_id

    found = await preceding(room_id, [last.event_id], limit=4)
    assert [one.event for one in found] == [said[5], said[4], *sorted([said[3], other], key=lambda one: one.event_id)]
    found = await preceding(room_id, [last.event_id], limit=100, stop=[said[1].event_id])
    assert {one.event for one in found} == {*said[2:], other}
    found = await preceding(room_id, [last.event_id], limit=100, min_depth=said[4].depth)
    assert [one.event for one in found] == [said[5], said[4]]
    found = await preceding(room_id, [last.event_id], limit=100)
    assert len(found) == len(world.dag.events) - 1
    assert found[-1].event == world.dag.create_event
