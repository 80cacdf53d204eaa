"""Events of other servers arrive: in order or not, allowed or not ("Checks performed on receipt of a PDU")."""

from collections.abc import Callable

import pytest

from hs_core.errors import NotFound
from hs_core.matrix.event import Event
from hs_core.matrix.identifiers import RoomId
from hs_core.matrix.room_version import ROOM_VERSIONS, V11, RoomVersion
from hs_core.testing.homeserver import Homeserver
from hs_plugins.rooms.api import ROOMS, Draft, Join, Place, Verdict
from tests.plugins.rooms.world import ALICE, BOB, CAROL, EVE, LOCAL, REMOTE, World, pdu

every_version = pytest.mark.parametrize("version", ROOM_VERSIONS.values(), ids=lambda version: version.identifier)
LAST = Place(2**62, 2**62)


async def timeline(world: World) -> list[str]:
    page = await world.read.timelines.page(world.dag.room_id, LAST, backwards=True, limit=100)
    return [stored.event.event_id for stored in page.events]


@every_version
async def test_what_others_say_and_do_becomes_part_of_the_room(server: Homeserver, version: RoomVersion) -> None:
    world = await World.begin(server, version)
    world.dag.join(BOB)
    world.dag.topic("Bob is here")
    said = world.dag.message(by=BOB)

    assert await world.deliver([said]) == [Verdict(said.event_id, missing=(*said.prev_events, said.auth_events[-1]))]
    assert await world.stored([said]) == {}
    verdicts = await world.deliver()
    assert [verdict.accepted for verdict in verdicts] == [True, True]
    assert await world.deliver([said]) == [Verdict(said.event_id, accepted=True)]
    assert await world.deliver([said]) == [Verdict(said.event_id, accepted=True)]

    assert await world.state() == world.dag.state_after(said)
    assert set(await world.members()) == {ALICE, BOB}
    assert (await timeline(world))[0] == said.event_id


@every_version
async def test_local_users_and_others_talk_in_one_room(server: Homeserver, version: RoomVersion) -> None:
    world = await World.begin(server, version)
    joined = await world.rooms.join(world.dag.room_id, Join(user_id=LOCAL, content={}))
    await world.learn([joined.event_id])
    answer = world.dag.message("Welcome")
    await world.deliver()
    sent = await world.rooms.send(world.dag.room_id, Draft(sender=LOCAL, type="m.room.message", content={"body": "hi"}))
    ours = (await world.stored_event(sent.event_id)).event

    assert ours.prev_events == (answer.event_id,)
    await world.learn([sent.event_id])
    assert world.dag.tips == [ours]
    assert set(await world.members()) == {ALICE, LOCAL}


@every_version
async def test_a_rejected_event_is_known_but_not_to_be_seen(server: Homeserver, version: RoomVersion) -> None:
    world = await World.begin(server, version)
    before = world.dag.tips
    rejected = world.dag.topic("Not my room", by=EVE, may_be_rejected=True)
    built_upon = world.dag.message(after=rejected)
    again = world.dag.send(
        "m.room.message", {}, by=EVE, auth_events=[world.dag.create_event, rejected], after=before, may_be_rejected=True
    )
    first, second, third = await world.deliver()

    assert not first.accepted
    assert first.refused
    assert second.accepted
    assert third.refused
    assert await world.deliver([rejected]) == [first]
    assert await world.state() == world.dag.state_after(before[0])
    assert (await timeline(world))[0] == built_upon.event_id
    assert not {rejected.event_id, again.event_id} & set(await timeline(world))


@every_version
async def test_who_was_banned_cannot_talk_out_of_the_past(server: Homeserver, version: RoomVersion) -> None:
    """The specification's example of soft failure."""
    world = await World.begin(server, version)
    a = world.dag.power({EVE: 50}, after=world.dag.join(EVE))
    b = world.dag.ban(EVE, after=a)
    c = world.dag.topic("Evaded", by=EVE, after=a)
    await world.deliver()
    evading = (await world.stored([c]))[c.event_id]
    assert evading.soft_failed
    assert evading.rejected is None
    assert c.event_id not in await timeline(world)
    assert await world.state() == world.dag.state_after(b)
    assert set(await world.members(["ban"])) == {EVE}

    sent = await world.rooms.join(world.dag.room_id, Join(user_id=LOCAL, content={}))
    assert (await world.stored_event(sent.event_id)).event.prev_events == (b.event_id,)

    d = world.dag.message(after=[b, c])
    assert [verdict.accepted for verdict in await world.deliver()] == [True]
    assert await world.state_after(d) == world.dag.state_after(d)
    assert await world.extremities() == {sent.event_id, d.event_id}


async def test_an_event_after_one_that_soft_failed_is_newer_than_what_came_before_both(server: Homeserver) -> None:
    world = await World.begin(server, V11)
    a = world.dag.join(EVE)
    world.dag.ban(EVE, after=a)
    await world.deliver()
    last = world.dag.message(after=world.dag.ban(CAROL, after=world.dag.tips))
    evaded = world.dag.message(by=EVE, after=a)
    await world.deliver()
    assert (await world.stored([evaded]))[evaded.event_id].soft_failed
    assert await world.extremities() == {last.event_id}

    world.dag.message(after=[last, evaded])
    await world.deliver()
    assert len(await world.extremities()) == 1


@every_version
async def test_a_redaction_takes_effect_whichever_comes_first(server: Homeserver, version: RoomVersion) -> None:
    world = await World.begin(server, version)
    world.dag.join(BOB)
    await world.deliver()
    start = world.dag.tips
    bad, worse = world.dag.message("bad", by=BOB, after=start), world.dag.message("worse", by=BOB, after=start)
    first, second = world.dag.redact(bad, after=start), world.dag.redact(worse, after=start)

    await world.deliver([second])
    assert (second.event_id in await timeline(world)) == version.redaction_checked_by_auth_rules
    await world.deliver([bad, worse, first])

    for event, redaction in ((bad, first), (worse, second)):
        stored = (await world.stored([event]))[event.event_id]
        assert stored.event.content == {}
        assert stored.redacted_by == redaction.event_id
    assert {first.event_id, second.event_id} <= set(await timeline(world))


async def test_a_redaction_without_the_power_for_it_is_not_shown_and_does_nothing(server: Homeserver) -> None:
    world = await World.begin(server, V11)
    world.dag.join(EVE)
    said = world.dag.message("I said it")
    redaction = world.dag.redact(said, by=EVE)
    assert (await world.deliver())[-1].accepted

    assert (await world.stored([said]))[said.event_id].event.content["body"] == "I said it"
    assert redaction.event_id not in await timeline(world)
    assert await world.extremities() == {redaction.event_id}


async def test_whether_a_redaction_is_allowed_is_asked_of_the_state_before_it(server: Homeserver) -> None:
    world = await World.begin(server, V11)
    start = world.dag.tips
    raised = world.dag.power({CAROL: 50}, after=world.dag.join(CAROL, after=start))
    redacted, kept = world.dag.message("bad", after=start), world.dag.message("good", after=start)
    allowed = world.dag.redact(redacted, by=CAROL, after=raised)
    lowered = world.dag.power({CAROL: 0}, after=allowed)
    world.dag.redact(kept, by=CAROL, after=lowered)
    await world.deliver([event for event in world.dag.events.values() if event not in {redacted, kept}])
    await world.deliver([redacted, kept])

    assert (await world.stored_event(redacted.event_id)).redacted_by == allowed.event_id
    assert (await world.stored_event(kept.event_id)).redacted_by is None


async def test_servers_that_the_room_denies_are_not_heard(server: Homeserver) -> None:
    world = await World.begin(server, V11)
    acl = world.dag.send("m.room.server_acl", {"allow": ["*"], "deny": ["remote.test"]}, state_key="")
    said = world.dag.message()
    assert [verdict.accepted for verdict in await world.deliver([acl])] == [True]
    (verdict,) = await world.deliver([said])
    assert verdict.refused
    assert await world.stored([said]) == {}


@pytest.mark.parametrize(
    "garbage",
    [b"", b"{", b"[]", b"{}", b'{"type": 1}', b'{"depth": 1.5}', b"\xff", b"[" * 5000, b'{"a":' + b"9" * 5000 + b"}"],
)
async def test_what_is_no_event_is_dropped(server: Homeserver, garbage: bytes) -> None:
    world = await World.begin(server, V11)
    said = world.dag.message()
    verdicts = await world.rooms.receive(world.dag.room_id, REMOTE, [garbage, pdu(said)])
    assert verdicts[0].event_id is None
    assert verdicts[0].refused
    assert verdicts[1].accepted


async def test_events_of_other_rooms_and_second_beginnings_are_dropped(server: Homeserver) -> None:
    world, other = await World.begin(server, V11), await World.begin(server, V11)
    said = other.dag.message()
    (verdict,) = await world.rooms.receive(world.dag.room_id, REMOTE, [pdu(said)])
    assert verdict == Verdict(said.event_id, refused="it is an event of another room")
    with pytest.raises(NotFound):
        await server.core.services[ROOMS].receive(RoomId("!nowhere:remote.test"), REMOTE, [pdu(said)])


def _restricted(world: World, user: str) -> Event:
    world.dag.send(
        "m.room.join_rules",
        {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": "!x:remote.test"}]},
        state_key="",
    )
    return world.dag.join(BOB, authorised_by=ALICE)


def _knock(world: World, user: str) -> Event:
    world.dag.join_rules("knock")
    return world.dag.knock(BOB)


@pytest.mark.parametrize(("act", "since"), [(_restricted, "8"), (_knock, "7")], ids=["a restricted join", "a knock"])
@every_version
async def test_ways_into_a_room(
    server: Homeserver, version: RoomVersion, act: Callable[[World, str], Event], since: str
) -> None:
    if int(version.identifier) < int(since):
        pytest.skip("not in this room version")
    world = await World.begin(server, version)
    event = act(world, BOB)
    verdicts = await world.deliver()
    assert all(verdict.accepted for verdict in verdicts)
    assert (await world.members(["join", "knock"]))[BOB] == event.event_id
