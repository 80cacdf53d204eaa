"""Rules for everything that is neither a membership nor a power level."""

import pytest

from hs_core.matrix.auth import redaction_applies
from hs_core.matrix.event import Event
from hs_core.matrix.room_version import RoomVersion

from .rooms import ALICE, BOB, CAROL, DAVE, Room, in_versions, versions_where

OLD_REDACTIONS = versions_where(redaction_checked_by_auth_rules=True)
NEW_REDACTIONS = versions_where(redaction_checked_by_auth_rules=False)


def room_of(version: RoomVersion) -> Room:
    room = Room(version)
    room.put_members(alice="join", bob="join", carol="join")
    room.put_power({BOB: 50}, events={"m.room.topic": 60, "org.example.low": 0}, redact=50, invite=50)
    return room


@in_versions()
@pytest.mark.parametrize("membership", ["invite", "leave", "ban", "knock", "nonsense"])
def test_only_members_speak(version: RoomVersion, membership: str) -> None:
    room = room_of(version)
    assert room.allows(room.message(BOB))

    room.put_member(BOB, membership)

    assert "not `join`" in room.refusal(room.message(BOB))
    assert "not `join`" in room.refusal(room.message(DAVE))


@in_versions()
def test_each_type_of_event_needs_its_level(version: RoomVersion) -> None:
    room = room_of(version)

    assert room.allows(room.event("m.room.name", BOB, {}, ""))
    assert not room.allows(room.event("m.room.name", CAROL, {}, ""))
    assert not room.allows(room.event("m.room.topic", BOB, {}, ""))
    assert not room.allows(room.event("m.room.topic", BOB, {}))
    assert room.allows(room.event("m.room.topic", ALICE, {}, ""))
    assert room.allows(room.event("org.example.low", CAROL, {}, ""))
    room.put_power(events_default=1)
    assert not room.allows(room.message(CAROL))


@in_versions()
def test_state_that_is_a_users_own_is_left_to_them(version: RoomVersion) -> None:
    room = room_of(version)

    assert room.allows(room.event("org.example.low", CAROL, {}, CAROL))
    assert room.allows(room.event("org.example.low", CAROL, {}, "carol"))
    for state_key in (BOB, "@", CAROL + "_2"):
        assert "starts with an `@`" in room.refusal(room.event("org.example.low", CAROL, {}, state_key))
    assert "starts with an `@`" in room.refusal(room.event("org.example.low", ALICE, {}, BOB))


@in_versions()
def test_aliases_are_each_servers_own_up_to_version_5(version: RoomVersion) -> None:
    room = room_of(version)
    by_stranger = room.event("m.room.aliases", DAVE, {"aliases": []}, "third.example")
    by_member = room.event("m.room.aliases", ALICE, {"aliases": []}, "elsewhere.org")

    assert room.allows(by_stranger) is version.aliases_have_own_auth_rule
    assert room.allows(by_member) is not version.aliases_have_own_auth_rule


@in_versions()
def test_aliases_without_a_state_key(version: RoomVersion) -> None:
    room = room_of(version)

    assert room.allows(room.event("m.room.aliases", ALICE, {})) is not version.aliases_have_own_auth_rule
    assert room.allows(room.event("m.room.aliases", ALICE, {}, "")) is not version.aliases_have_own_auth_rule


# Redactions


@in_versions()
def test_redactions_are_events_with_a_level(version: RoomVersion) -> None:
    room = room_of(version)
    room.put_power({BOB: 50}, events={"m.room.redaction": 60})

    assert not room.allows(room.event("m.room.redaction", BOB, {}, redacts=room.message(BOB).event_id))


@in_versions(OLD_REDACTIONS)
def test_up_to_version_2_a_redaction_needs_the_redact_level_or_an_event_of_the_same_server(
    version: RoomVersion,
) -> None:
    room = room_of(version)
    local, remote = room.message(CAROL), room.message(ALICE)

    assert room.allows(room.event("m.room.redaction", CAROL, {}, redacts=local.event_id))
    assert room.allows(room.event("m.room.redaction", BOB, {}, redacts=remote.event_id))
    for redacts in (remote.event_id, None, "$" + "a" * 43, "$x:"):
        assert "redact level" in room.refusal(room.event("m.room.redaction", CAROL, {}, redacts=redacts))


@in_versions(OLD_REDACTIONS)
def test_up_to_version_2_the_server_is_that_of_the_event_id(version: RoomVersion) -> None:
    room = room_of(version)
    remote = room.message(ALICE)

    disguised = room.event("m.room.redaction", CAROL, {}, redacts=remote.event_id, event_id="$mine:example.org")

    assert room.allows(disguised)


@in_versions(NEW_REDACTIONS)
def test_since_version_3_anybody_may_send_redactions(version: RoomVersion) -> None:
    room = room_of(version)

    assert room.allows(room.event("m.room.redaction", CAROL, {}, redacts=room.message(ALICE).event_id))
    assert room.allows(room.event("m.room.redaction", CAROL, {}))


@in_versions(NEW_REDACTIONS)
def test_since_version_3_not_every_redaction_is_applied(version: RoomVersion) -> None:
    room = room_of(version)
    levels = room.auth_state.power_levels
    bobs, alices = room.message(BOB), room.message(ALICE)

    def applies(by: str, target: Event) -> bool:
        return redaction_applies(room.event("m.room.redaction", by, {}, redacts=target.event_id), target, levels)

    assert applies(BOB, alices), "with the redact level"
    assert applies(CAROL, bobs), "of the same server"
    assert not applies(CAROL, alices)


@in_versions(OLD_REDACTIONS)
def test_up_to_version_2_an_accepted_redaction_is_applied(version: RoomVersion) -> None:
    room = room_of(version)
    remote = room.message(ALICE)

    assert redaction_applies(
        room.event("m.room.redaction", CAROL, {}, redacts=remote.event_id), remote, room.auth_state.power_levels
    )


@in_versions()
def test_a_redaction_is_of_one_event_in_its_own_room(version: RoomVersion) -> None:
    room = room_of(version)
    levels = room.auth_state.power_levels
    first, second = room.message(BOB), room.message(BOB)
    elsewhere = room.event("m.room.message", BOB, {}, room_id="!elsewhere:example.org")

    redaction = room.event("m.room.redaction", ALICE, {}, redacts=first.event_id)
    reaching_out = room.event("m.room.redaction", ALICE, {}, redacts=elsewhere.event_id)

    assert redaction_applies(redaction, first, levels)
    assert not redaction_applies(redaction, second, levels)
    assert not redaction_applies(reaching_out, elsewhere, levels)
