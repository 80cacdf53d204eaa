"""Which events authorise an event, and what is wrong with those that it names."""

from typing import Any

import pytest

from hs_core.matrix.auth import auth_event_keys, check_auth_events
from hs_core.matrix.errors import Rejected
from hs_core.matrix.event import Event, StateKey
from hs_core.matrix.event_building import EventDraft
from hs_core.matrix.identifiers import EventId
from hs_core.matrix.room_version import RoomVersion

from .rooms import ALICE, BOB, CAROL, DAVE, VERSIONS, Room, in_versions, versions_where

POWER_LEVELS = ("m.room.power_levels", "")
JOIN_RULES = ("m.room.join_rules", "")
TOKEN = ("m.room.third_party_invite", "token")


def member(user: str) -> StateKey:
    return ("m.room.member", user)


def always(version: RoomVersion, sender: str) -> set[StateKey]:
    create = {("m.room.create", "")} if version.create_event_in_auth_events else set()
    return create | {POWER_LEVELS, member(sender)}


def selection(event: Event) -> set[StateKey]:
    keys = auth_event_keys(event, event.room_version)
    assert len(set(keys)) == len(keys)
    return set(keys)


def check(event: Event, auth_events: list[Event], rejected: set[EventId], create: Event | None) -> str:
    """What is wrong with them."""
    try:
        check_auth_events(event, auth_events, rejected, create)
    except Rejected as rejection:
        return str(rejection)
    return ""


def full_room(version: RoomVersion) -> Room:
    room = Room(version)
    room.put_members(alice="join", bob="join", carol="leave")
    room.put_power()
    room.put_join_rule("invite")
    return room


@in_versions()
def test_nothing_authorises_a_create_event(version: RoomVersion) -> None:
    create = Room(version).create

    assert auth_event_keys(create, version) == []
    assert check(create, [create], {create.event_id}, None) == ""


@in_versions()
def test_messages_and_other_state(version: RoomVersion) -> None:
    room = Room(version)

    assert selection(room.message(BOB)) == always(version, BOB)
    assert selection(room.event("m.room.topic", BOB, {"membership": "join"}, CAROL)) == always(version, BOB)


@in_versions()
@pytest.mark.parametrize("membership", ["join", "invite", "knock", "leave", "ban"])
def test_memberships(version: RoomVersion, membership: str) -> None:
    expected = always(version, BOB) | {member(CAROL)}

    with_rules = expected | {JOIN_RULES} if membership in {"join", "invite", "knock"} else expected

    assert selection(Room(version).member(CAROL, membership, by=BOB)) == with_rules


@in_versions()
def test_third_party_invites(version: RoomVersion) -> None:
    proof: Any = {"signed": {"token": "token"}}
    invite = Room(version).member(CAROL, "invite", by=BOB, third_party_invite=proof)
    join = Room(version).member(CAROL, "join", by=BOB, third_party_invite=proof)

    assert TOKEN in selection(invite)
    assert TOKEN not in selection(join)


@in_versions()
def test_vouched_joins(version: RoomVersion) -> None:
    room = Room(version)
    join = room.member(CAROL, "join", by=CAROL, join_authorised_via_users_server=DAVE)
    leave = room.member(CAROL, "leave", by=CAROL, join_authorised_via_users_server=DAVE)

    assert (member(DAVE) in selection(join)) is version.restricted_joins
    assert member(DAVE) not in selection(leave)


@pytest.mark.parametrize("odd", [None, 1, [], {}, "x", {"signed": None}, {"signed": {"token": 5}}, {"signed": []}])
def test_odd_content_selects_nothing_more(odd: Any) -> None:
    for version in VERSIONS:
        room = Room(version)
        invite = room.member(CAROL, "invite", by=BOB, third_party_invite=odd)
        assert selection(invite) == always(version, BOB) | {member(CAROL), JOIN_RULES}
        assert selection(room.member(CAROL, odd, by=BOB)) == always(version, BOB) | {member(CAROL)}


@in_versions()
def test_drafts_are_selected_for_as_events_are(version: RoomVersion) -> None:
    room = Room(version)
    event = room.member(CAROL, "invite", by=BOB)
    draft = EventDraft(
        room_id=room.room_id, sender=BOB, type=event.type, content=event.content, state_key=event.state_key
    )

    assert auth_event_keys(draft, version) == auth_event_keys(event, version)


@in_versions()
def test_the_selection_itself_is_fine(version: RoomVersion) -> None:
    room = full_room(version)
    invite = room.member(CAROL, "invite", by=BOB)

    selected = [room.state[key] for key in auth_event_keys(invite, version) if key in room.state]

    assert len(selected) == len(always(version, BOB)) + 2
    assert check(invite, selected, set(), room.create) == ""


@in_versions()
def test_what_can_be_wrong_with_auth_events(version: RoomVersion) -> None:
    room = full_room(version)
    message = room.message(BOB)
    good = [room.state[key] for key in auth_event_keys(message, version)]
    elsewhere = room.event("m.room.power_levels", ALICE, {}, "", room_id="!elsewhere:example.org")
    without_power = [event for event in good if event.type != "m.room.power_levels"]

    assert "auth events selection" in check(message, [*good, room.state[JOIN_RULES]], set(), room.create)
    assert "auth events selection" in check(message, [*good, room.state[member(ALICE)]], set(), room.create)
    assert "auth events selection" in check(message, [*good, room.message(BOB)], set(), room.create)
    assert "duplicate" in check(message, [*good, good[-1]], set(), room.create)
    assert "duplicate" in check(message, [*good, room.put_power()], set(), room.create)
    assert "themselves rejected" in check(message, good, {good[-1].event_id}, room.create)
    assert "`room_id`" in check(message, [*without_power, elsewhere], set(), room.create)
    assert check(message, without_power, set(), room.create) == ""


@in_versions(versions_where(room_id_is_create_event_id=False))
def test_up_to_version_11_the_create_event_is_named(version: RoomVersion) -> None:
    room = full_room(version)

    assert "no `m.room.create`" in check(room.message(BOB), [room.state[POWER_LEVELS]], set(), None)
    assert check(room.message(BOB), [room.create], set(), None) == ""


@in_versions(versions_where(room_id_is_create_event_id=True))
def test_since_version_12_the_room_id_names_the_create_event(version: RoomVersion) -> None:
    room = full_room(version)
    message = room.message(BOB)
    other = room.event("m.room.create", ALICE, {}, "", prev_events=())

    assert check(message, [], set(), room.create) == ""
    assert "auth events selection" in check(message, [room.create], set(), room.create)
    assert "sigil" in check(message, [], set(), None)
    assert "sigil" in check(message, [], set(), other)
    assert "sigil" in check(message, [], {room.create.event_id}, room.create)
    assert "sigil" in check(message, [], set(), room.state[POWER_LEVELS])
