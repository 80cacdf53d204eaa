"""Rules for `m.room.member`."""

from typing import Any

import pytest

from hs_core.matrix.room_version import RoomVersion

from .rooms import ALICE, BOB, CAROL, DAVE, Room, in_versions, versions_where

MEMBERSHIPS = ["invite", "join", "knock", "leave", "ban", None]


def room_with(version: RoomVersion, **memberships: str | None) -> Room:
    """A public room with Alice, Bob at 50 and others at 0, where invites need 50 too."""
    room = Room(version)
    members = {"alice": "join", "bob": "join"} | memberships
    room.put_members(**{name: membership for name, membership in members.items() if membership})
    room.put_power({BOB: 50}, invite=50)
    room.put_join_rule("public")
    return room


@in_versions()
def test_a_membership_needs_a_target_and_a_membership(version: RoomVersion) -> None:
    room = room_with(version)

    assert "no `state_key`" in room.refusal(room.event("m.room.member", ALICE, {"membership": "join"}))
    assert "no `membership`" in room.refusal(room.event("m.room.member", ALICE, {}, ALICE))


@in_versions()
@pytest.mark.parametrize("membership", ["", "JOIN", "joined", None, 1, True, [], {}, ["join"]])
def test_unknown_memberships_are_rejected(version: RoomVersion, membership: Any) -> None:
    room = room_with(version)

    assert "unknown" in room.refusal(room.member(ALICE, membership, by=ALICE))


@in_versions()
@pytest.mark.parametrize("target", ["", "carol", "@carol", "#carol:elsewhere.org"])
def test_a_target_is_a_user(version: RoomVersion, target: str) -> None:
    room = room_with(version)

    assert "state_key" in room.refusal(room.member(target, "invite", by=ALICE))


# Joins


@in_versions()
def test_the_creator_joins_first(version: RoomVersion) -> None:
    room = Room(version)
    first = (room.create.event_id,)

    assert room.allows(room.member(ALICE, "join", by=ALICE, prev_events=first))
    assert not room.allows(room.member(BOB, "join", by=BOB, prev_events=first))
    assert not room.allows(room.member(ALICE, "join", by=ALICE, prev_events=(*first, "$other")))
    assert not room.allows(room.member(ALICE, "join", by=ALICE, prev_events=()))


@in_versions(versions_where(creator_is_sender=False))
def test_before_version_11_the_creator_is_whoever_the_content_names(version: RoomVersion) -> None:
    room = Room(version, {"creator": BOB})
    first = (room.create.event_id,)

    assert room.allows(room.member(BOB, "join", by=BOB, prev_events=first))
    assert not room.allows(room.member(ALICE, "join", by=ALICE, prev_events=first))


@in_versions(versions_where(creators_have_infinite_power=True))
def test_an_additional_creator_does_not_join_first(version: RoomVersion) -> None:
    room = Room(version, {"additional_creators": [BOB], "creator": BOB})

    assert not room.allows(room.member(BOB, "join", by=BOB, prev_events=(room.create.event_id,)))


@in_versions()
def test_nobody_joins_for_somebody_else(version: RoomVersion) -> None:
    room = room_with(version)

    assert "does not match `state_key`" in room.refusal(room.member(CAROL, "join", by=ALICE))


@in_versions()
@pytest.mark.parametrize("rule", ["public", "invite", "knock", "restricted", "knock_restricted", "private", None, []])
@pytest.mark.parametrize("before", MEMBERSHIPS)
def test_who_may_join_is_the_join_rules_word(version: RoomVersion, rule: Any, before: str | None) -> None:
    room = room_with(version, carol=before)
    room.put_join_rule(rule)
    invite_rules = {"invite"} | version.knock_join_rules | version.restricted_join_rules
    invited = isinstance(rule, str) and rule in invite_rules and before in {"invite", "join"}

    allowed = room.allows(room.member(CAROL, "join", by=CAROL))

    assert allowed is ((rule == "public" or invited) and before != "ban")


@in_versions()
def test_without_join_rules_a_room_is_for_the_invited(version: RoomVersion) -> None:
    room = room_with(version, carol="invite")
    invited, uninvited = room.member(CAROL, "join", by=CAROL), room.member(DAVE, "join", by=DAVE)

    room.put("m.room.join_rules", ALICE, {})
    assert room.allows(invited)
    assert not room.allows(uninvited)
    del room.state["m.room.join_rules", ""]
    assert room.allows(invited)
    assert not room.allows(uninvited)


@in_versions()
@pytest.mark.parametrize("rule", ["restricted", "knock_restricted"])
def test_a_member_who_may_invite_may_vouch_for_a_join(version: RoomVersion, rule: str) -> None:
    room = room_with(version, dave="join")
    room.put_join_rule(rule)

    def allows(authoriser: Any) -> bool:
        return room.allows(room.member(CAROL, "join", by=CAROL, join_authorised_via_users_server=authoriser))

    assert allows(BOB) is (rule in version.restricted_join_rules)
    assert not allows(DAVE), "without the power to invite"
    room.put_member(BOB, "leave")
    assert not allows(BOB), "without being joined"
    assert not any(map(allows, [None, 1, [], {}, "bob", ""]))


@in_versions()
def test_a_voucher_that_names_no_server_spoils_any_membership(version: RoomVersion) -> None:
    room = room_with(version)

    for nobody in (None, 1, "bob"):
        leave = room.member(BOB, "leave", by=BOB, join_authorised_via_users_server=nobody)
        assert room.allows(leave) is not version.restricted_joins


# Invites


@in_versions()
@pytest.mark.parametrize("before", MEMBERSHIPS)
def test_who_is_neither_joined_nor_banned_can_be_invited(version: RoomVersion, before: str | None) -> None:
    room = room_with(version, carol=before)

    assert room.allows(room.member(CAROL, "invite", by=BOB)) is (before not in {"join", "ban"})


@in_versions()
def test_an_invite_needs_the_invite_level(version: RoomVersion) -> None:
    room = room_with(version, dave="join")

    assert "invite level" in room.refusal(room.member(CAROL, "invite", by=DAVE))
    room.put_power()
    assert room.allows(room.member(CAROL, "invite", by=DAVE))


@in_versions()
@pytest.mark.parametrize("membership", ["invite", "leave", "ban"])
def test_only_members_act_on_others(version: RoomVersion, membership: str) -> None:
    for standing in ("invite", "leave", "knock", "ban"):
        room = room_with(version, bob=standing, carol="invite")
        assert "not `join`" in room.refusal(room.member(CAROL, membership, by=BOB))


# Leaving and being made to


@in_versions()
@pytest.mark.parametrize("before", MEMBERSHIPS)
def test_who_may_leave(version: RoomVersion, before: str | None) -> None:
    room = room_with(version, carol=before)
    standing = {"invite", "join"} | ({"knock"} if version.knocking else set())

    assert room.allows(room.member(CAROL, "leave", by=CAROL)) is (before in standing)


@in_versions()
def test_a_kick_needs_the_kick_level_and_more_power_than_its_target(version: RoomVersion) -> None:
    room = room_with(version, carol="join", dave="join")

    assert room.allows(room.member(CAROL, "leave", by=BOB))
    assert not room.allows(room.member(CAROL, "leave", by=DAVE))
    assert not room.allows(room.member(ALICE, "leave", by=BOB))
    room.put_power({BOB: 50, CAROL: 50})
    assert not room.allows(room.member(CAROL, "leave", by=BOB))
    room.put_power({BOB: 50}, kick=51)
    assert not room.allows(room.member(CAROL, "leave", by=BOB))


@in_versions()
def test_an_unban_needs_the_ban_level_and_the_kick_level(version: RoomVersion) -> None:
    room = room_with(version, carol="ban")
    unban = room.member(CAROL, "leave", by=BOB)

    assert room.allows(unban)
    room.put_power({BOB: 50}, ban=51)
    assert "ban level" in room.refusal(unban)
    room.put_power({BOB: 50}, kick=51)
    assert "kick level" in room.refusal(unban)
    room.put_power({BOB: 50, CAROL: 50})
    assert not room.allows(unban)


@in_versions()
@pytest.mark.parametrize("before", MEMBERSHIPS)
def test_a_ban_needs_the_ban_level_and_more_power_than_its_target(version: RoomVersion, before: str | None) -> None:
    room = room_with(version, carol=before, dave="join")

    assert room.allows(room.member(CAROL, "ban", by=BOB))
    assert not room.allows(room.member(CAROL, "ban", by=DAVE))
    assert not room.allows(room.member(ALICE, "ban", by=BOB))
    assert not room.allows(room.member(BOB, "ban", by=BOB))
    room.put_power({BOB: 50}, ban=51)
    assert not room.allows(room.member(CAROL, "ban", by=BOB))


# Knocking


@in_versions()
@pytest.mark.parametrize("rule", ["public", "invite", "knock", "restricted", "knock_restricted", None, []])
@pytest.mark.parametrize("before", MEMBERSHIPS)
def test_who_may_knock_where(version: RoomVersion, rule: Any, before: str | None) -> None:
    room = room_with(version, carol=before)
    room.put_join_rule(rule)
    lets_knock = isinstance(rule, str) and rule in version.knock_join_rules

    allowed = room.allows(room.member(CAROL, "knock", by=CAROL))

    assert allowed is (lets_knock and before not in {"ban", "invite", "join"})


@in_versions(versions_where(knocking=True))
def test_nobody_knocks_for_somebody_else(version: RoomVersion) -> None:
    room = room_with(version)
    room.put_join_rule("knock")

    assert "knock: if `sender`" in room.refusal(room.member(CAROL, "knock", by=ALICE))


@in_versions(versions_where(knocking=False))
def test_knocking_is_unknown_before_version_7(version: RoomVersion) -> None:
    room = room_with(version)
    room.put_join_rule("knock")

    assert "unknown" in room.refusal(room.member(CAROL, "knock", by=CAROL))
