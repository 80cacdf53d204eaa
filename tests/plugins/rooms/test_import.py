"""Rooms that come from elsewhere: joined through another server, with a state that we are told, and then their past."""

import pytest

from hs_core.errors import BadJson, Forbidden, NotFound
from hs_core.matrix.room_version import ROOM_VERSIONS, V11, RoomVersion
from hs_core.testing.homeserver import Homeserver
from hs_core.testing.room_dag import RoomDag
from hs_plugins.rooms.api import Draft, Imported, Join, Place, ToldState
from tests.plugins.rooms.world import ALICE, BOB, LOCAL, REMOTE, World, pdu, told, unique_name

every_version = pytest.mark.parametrize("version", ROOM_VERSIONS.values(), ids=lambda version: version.identifier)


def unknown_room(server: Homeserver, version: RoomVersion) -> World:
    keys = {server.core.server_name: server.core.signing_key}
    return World(server, RoomDag(version, ALICE, keys=keys, name=unique_name()))


@every_version
async def test_a_room_is_joined_through_another_server(server: Homeserver, version: RoomVersion) -> None:
    world = unknown_room(server, version)
    world.dag.join(BOB)
    world.dag.topic("Before")
    world.dag.message("before you came")
    join = world.dag.join(LOCAL)
    sent = await world.rooms.import_room(world.dag.room_id, told(world, join))
    assert sent.event_id == join.event_id
    assert sent.position > 0

    assert await world.state() == world.dag.state_after(join)
    assert set(await world.members()) == {ALICE, BOB, LOCAL}
    assert await world.extremities() == {join.event_id}
    room = (await world.read.members.rooms([world.dag.room_id]))[world.dag.room_id]
    assert (room.joined_members, room.version) == (3, version.identifier)

    await world.rooms.send(world.dag.room_id, Draft(sender=LOCAL, type="m.room.message", content={"body": "hi"}))
    answer = world.dag.message("hello", after=join)
    world.forget_all_but([answer])
    assert [verdict.accepted for verdict in await world.deliver()] == [True]


async def test_a_room_that_does_not_let_the_user_in_stays_unknown(server: Homeserver) -> None:
    world = unknown_room(server, V11)
    world.dag.ban(LOCAL)
    join = world.dag.join(LOCAL, may_be_rejected=True)
    with pytest.raises(Forbidden):
        await world.rooms.import_room(world.dag.room_id, told(world, join))
    assert await world.read.members.rooms([world.dag.room_id]) == {}
    with pytest.raises(NotFound):
        await world.rooms.join(world.dag.room_id, Join(user_id=LOCAL, content={}))

    world.dag.kick(LOCAL)
    join = world.dag.join(LOCAL)
    await world.rooms.import_room(world.dag.room_id, told(world, join))
    assert await world.state() == world.dag.state_after(join)


async def test_a_state_without_a_create_event_is_no_room(server: Homeserver) -> None:
    world = unknown_room(server, V11)
    join = world.dag.join(LOCAL)
    imported = told(world, join)
    without = tuple(one for one in imported.state if b"m.room.create" not in one)
    with pytest.raises(BadJson):
        await world.rooms.import_room(
            world.dag.room_id, Imported(version="11", event=imported.event, state=without, auth_chain=())
        )


async def test_invalid_and_forbidden_events_are_left_out_of_the_state(server: Homeserver) -> None:
    world = unknown_room(server, V11)
    forged = world.dag.topic("Forged", by=BOB, may_be_rejected=True)
    join = world.dag.join(LOCAL, after=world.dag.tips)
    imported = told(world, join)
    state = (*imported.state, b"rubbish", pdu(forged))
    await world.rooms.import_room(
        world.dag.room_id, Imported(version="11", event=imported.event, state=state, auth_chain=imported.auth_chain)
    )
    assert await world.state() == world.dag.state_after(join)
    assert (await world.stored_event(forged.event_id)).rejected


async def test_who_left_and_joins_again_from_elsewhere_sees_the_room_as_it_is_now(server: Homeserver) -> None:
    world = unknown_room(server, V11)
    await world.rooms.import_room(world.dag.room_id, told(world, world.dag.join(LOCAL)))
    world.dag.leave(LOCAL)
    world.forget_all_but(world.dag.tips)
    await world.deliver()
    world.dag.join(BOB)
    world.dag.topic("While you were away")
    again = world.dag.join(LOCAL)
    await world.rooms.import_room(world.dag.room_id, told(world, again))

    assert await world.state() == world.dag.state_after(again)
    assert set(await world.members()) == {ALICE, BOB, LOCAL}
    assert await world.extremities() == {again.event_id}


@every_version
async def test_the_past_of_a_room_is_filled_in(server: Homeserver, version: RoomVersion) -> None:
    world = unknown_room(server, version)
    early = world.dag.message("early")
    middle = world.dag.topic("middle")
    late = world.dag.message("late")
    join = world.dag.join(LOCAL)
    await world.rooms.import_room(world.dag.room_id, told(world, join))
    room_id = world.dag.room_id
    (gap,) = await world.read.history.gaps(room_id, depth=join.depth, limit=10)
    assert (gap.event_id, gap.missing) == (join.event_id, late.event_id)

    state = tuple(world.dag.state_before([world.dag.events[one] for one in middle.prev_events]).values())
    (verdict,) = await world.rooms.backfill(room_id, [pdu(late)])
    assert verdict.missing
    verdicts = await world.rooms.backfill(room_id, [pdu(late), pdu(middle)], [ToldState(middle.event_id, state)])
    assert [verdict.accepted for verdict in verdicts] == [True, True]

    (gap,) = await world.read.history.gaps(room_id, depth=join.depth, limit=10)
    assert (gap.event_id, gap.missing) == (middle.event_id, early.event_id)
    page = await world.read.timelines.page(room_id, Place(2**62, 2**62), backwards=True, limit=10)
    assert [stored.event.event_id for stored in page.events] == [join.event_id, late.event_id, middle.event_id]
    assert await world.state_after(late) == world.dag.state_after(late)
    assert await world.extremities() == {join.event_id}
    assert await world.state() == world.dag.state_after(join)


async def test_a_gap_in_the_room_is_crossed_with_a_state_that_others_tell(server: Homeserver) -> None:
    world = await World.begin(server, V11)
    before = world.dag.tips[0]
    lost = world.dag.topic("lost")
    found = world.dag.message("found")
    state = tuple(world.dag.state_after(lost).values())
    (verdict,) = await world.deliver([found])
    assert verdict.missing == (lost.event_id,)
    receive = world.rooms.receive
    (verdict,) = await receive(world.dag.room_id, REMOTE, [pdu(found)], [ToldState(found.event_id, state)])
    assert verdict.missing == (lost.event_id,), "the state names an event that is not known"
    (verdict,) = await world.rooms.receive_outliers(world.dag.room_id, [pdu(lost)])
    assert verdict.accepted
    (verdict,) = await receive(world.dag.room_id, REMOTE, [pdu(found)], [ToldState(found.event_id, state)])
    assert verdict.accepted
    assert await world.extremities() == {before.event_id, found.event_id}
    assert await world.state() == world.dag.state_after(found)

    (verdict,) = await world.deliver([lost])
    assert verdict.accepted
    assert await world.extremities() == {found.event_id}
    assert await world.read.history.gaps(world.dag.room_id, depth=100, limit=10) == []
