"""Rooms drawn for tests are such as honest servers would make."""

import pytest

from hs_core.matrix.errors import Rejected
from hs_core.matrix.event import Event
from hs_core.matrix.event_signing import ServerKey, required_signers, verify_event_signatures
from hs_core.matrix.hashing import has_valid_content_hash
from hs_core.matrix.identifiers import KeyId, ServerName, UserId, server_name_of
from hs_core.matrix.pdu import parse_pdu
from hs_core.matrix.room_version import ROOM_VERSIONS, V8, V11, V12, RoomVersion
from hs_core.matrix.signing import SigningKey
from hs_core.testing import RoomDag
from hs_core.testing.room_dag import signing_key_of

ALICE = UserId("@alice:first.example")
BOB = UserId("@bob:second.example")
CAROL = UserId("@carol:third.example")

every_version = pytest.mark.parametrize("version", ROOM_VERSIONS.values(), ids=lambda version: version.identifier)


def published_keys(event: Event) -> dict[ServerName, dict[KeyId, ServerKey]]:
    keys = {server_name: signing_key_of(server_name) for server_name in required_signers(event)}
    return {
        server_name: {key.key_id: ServerKey(key.verify_key, valid_until_ts=event.origin_server_ts)}
        for server_name, key in keys.items()
    }


def lively_room(version: RoomVersion) -> RoomDag:
    room = RoomDag(version, ALICE)
    start = room.join(BOB)
    renamed = room.topic("Tea", after=start)
    spoken = room.message("Coffee?", by=BOB, after=start)
    room.redact(spoken, by=BOB, after=[renamed, spoken])
    room.kick(BOB)
    room.invite(CAROL)
    room.join(CAROL)
    room.leave(CAROL)
    room.ban(CAROL)
    return room


@every_version
def test_every_event_would_be_accepted_by_another_server(version: RoomVersion) -> None:
    room = lively_room(version)

    copy = RoomDag(version, ALICE, history=[parse_pdu(event.pdu, version) for event in room.events.values()])

    assert copy.events == room.events
    assert copy.tips == room.tips
    assert copy.state_before(None) == room.state_before(None)
    for event in copy.events.values():
        assert has_valid_content_hash(event.pdu, version)
        verify_event_signatures(event, published_keys(event))


@every_version
def test_the_same_story_is_the_same_room(version: RoomVersion) -> None:
    assert list(lively_room(version).events) == list(lively_room(version).events)


def test_time_passes_and_depth_grows() -> None:
    events = list(lively_room(V12).events.values())

    assert len({event.origin_server_ts for event in events}) == len(events)
    assert events == sorted(events, key=lambda event: event.origin_server_ts)
    assert events[-1].depth == len(events) - 1, "two of them were side by side"


def test_who_vouches_for_a_restricted_join_signs_it_too() -> None:
    room = RoomDag(V8, ALICE)
    room.send("m.room.join_rules", {"join_rule": "restricted", "allow": []}, state_key="")

    joined = room.join(BOB, authorised_by=ALICE)

    assert required_signers(joined) == {server_name_of(ALICE), server_name_of(BOB)}
    verify_event_signatures(joined, published_keys(joined))


def test_a_server_under_test_signs_with_its_own_key() -> None:
    key = SigningKey("own", bytes(32))
    room = RoomDag(V11, ALICE, keys={server_name_of(BOB): key})

    joined = room.join(BOB)

    assert set(joined.pdu["signatures"][server_name_of(BOB)]) == {key.key_id}


def test_what_the_rules_refuse_is_not_drawn_by_accident() -> None:
    room = RoomDag(V11, ALICE)

    with pytest.raises(Rejected):
        room.topic("Bob was here", by=BOB)

    assert all(event.sender == ALICE for event in room.events.values())


def test_a_rejected_event_is_in_the_room_and_changes_nothing() -> None:
    room = RoomDag(V11, ALICE)
    before = room.tips

    topic = room.topic("Bob was here", by=BOB, may_be_rejected=True)

    assert room.rejected == {topic.event_id}
    assert room.tips == before
    assert room.state_after(topic) == room.state_after(before[0])


def test_an_event_that_comes_twice_changes_nothing() -> None:
    room = RoomDag(V11, ALICE)
    joined = room.join(BOB)
    message = room.message()

    room.add(joined)

    assert room.tips == [message]


def test_states_of_long_ago_are_not_forgotten() -> None:
    room = RoomDag(V11, ALICE)
    start = room.join(BOB)
    topics = [room.topic(f"topic {number}", after=start) for number in range(2)]
    merged = room.message(after=topics)
    expected = room.state_after(merged)
    early = room.state_after(start)
    for number in range(200):
        room.topic(f"later topic {number}", at=number)

    assert room.state_after(merged) == expected
    assert room.state_after(start) == early
    assert room.state_after(room.create_event) == {("m.room.create", ""): room.create_event.event_id}
