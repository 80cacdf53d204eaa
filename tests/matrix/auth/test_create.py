"""Rules for `m.room.create`, and those that ask what the create event said."""

from typing import Any

import pytest

from hs_core.matrix.room_version import RoomVersion

from .rooms import ALICE, BOB, Room, in_versions, versions_where


@in_versions()
def test_a_room_can_be_created(version: RoomVersion) -> None:
    room = Room(version)

    assert room.allows(room.create)


@in_versions()
def test_a_create_event_without_state_is_judged_by_itself(version: RoomVersion) -> None:
    room = Room(version)
    room.state.clear()

    assert room.allows(room.create)
    assert "no m.room.create" in room.refusal(room.message(ALICE))


@in_versions()
def test_a_create_event_has_nothing_before_it(version: RoomVersion) -> None:
    room = Room(version)

    later = room.event("m.room.create", ALICE, room.create.content, "", prev_events=("$before",))

    assert "`prev_events`" in room.refusal(later)


@in_versions(versions_where(room_id_is_create_event_id=False))
def test_a_room_id_is_of_its_creators_server(version: RoomVersion) -> None:
    room = Room(version)

    for room_id in ("!room:elsewhere.org", "!room", "!room:example.org:8448"):
        foreign = room.event("m.room.create", ALICE, room.create.content, "", prev_events=(), room_id=room_id)
        assert "domain of the `room_id`" in room.refusal(foreign)


@in_versions(versions_where(room_id_is_create_event_id=True))
def test_a_create_event_that_names_its_room_is_rejected(version: RoomVersion) -> None:
    room = Room(version)

    room.create.pdu["room_id"] = room.room_id  # type: ignore[index]

    assert "has a `room_id`" in room.refusal(room.create)


@in_versions()
@pytest.mark.parametrize("named", ["13", "org.example.unheard-of", "", None, 1, [], {}])
def test_an_unknown_room_version_is_rejected(version: RoomVersion, named: Any) -> None:
    assert "room_version" in (room := Room(version, {"room_version": named})).refusal(room.create)


@in_versions()
def test_a_create_event_need_not_name_its_room_version(version: RoomVersion) -> None:
    room = Room(version)
    content = {key: value for key, value in room.create.content.items() if key != "room_version"}

    assert room.allows(room.event("m.room.create", ALICE, content, "", prev_events=()))


@in_versions()
def test_a_creator_is_named_only_where_the_sender_is_not_the_creator(version: RoomVersion) -> None:
    room = Room(version)
    nameless = room.event("m.room.create", ALICE, {"room_version": version.identifier}, "", prev_events=())

    assert room.allows(nameless) is version.creator_is_sender


@in_versions()
@pytest.mark.parametrize("additional", [None, {}, "@bob:elsewhere.org", [1], [None], ["bob"], ["@bob"], [["@b:c"]]])
def test_additional_creators_are_checked_where_they_mean_something(version: RoomVersion, additional: Any) -> None:
    room = Room(version, {"additional_creators": additional})

    assert room.allows(room.create) is not version.creators_have_infinite_power


@in_versions()
@pytest.mark.parametrize("additional", [[], [BOB], [BOB, BOB], [ALICE, "@:x"]])
def test_additional_creators_are_user_ids(version: RoomVersion, additional: Any) -> None:
    room = Room(version, {"additional_creators": additional})

    assert room.allows(room.create)


@in_versions()
def test_a_room_that_does_not_federate_has_members_of_one_server(version: RoomVersion) -> None:
    room = Room(version, {"m.federate": False})
    room.put_members(alice="join", bob="join")
    room.put_join_rule("public")

    assert "m.federate" in room.refusal(room.message(BOB))
    assert not room.allows(room.member(BOB, "join", by=BOB))
    assert room.allows(room.message(ALICE))


@in_versions()
@pytest.mark.parametrize("value", [True, None, "false", 0])
def test_only_false_closes_a_room_to_other_servers(version: RoomVersion, value: Any) -> None:
    room = Room(version, {"m.federate": value})
    room.put_members(bob="join")

    assert room.allows(room.message(BOB))


@in_versions(versions_where(room_id_is_create_event_id=True))
def test_a_room_id_is_that_of_the_create_event(version: RoomVersion) -> None:
    room = Room(version)
    room.put_members(alice="join")

    elsewhere = room.event("m.room.message", ALICE, {}, room_id="!" + "d" * 43)

    assert "sigil" in room.refusal(elsewhere)
