"""Power levels: what is read from an event, and what it lets people do."""

from math import inf, nan
from typing import Any

import pytest

from hs_core.matrix.power_levels import LEVEL_DEFAULTS, PowerLevels, parse_level, room_creators
from hs_core.matrix.room_version import V1, V5, V6, V9, V10, V11, V12, RoomVersion
from tests.matrix.auth.rooms import ALICE, BOB, CAROL, DAVE, VERSIONS, Room, in_versions, versions_where


def levels(version: RoomVersion, **content: Any) -> PowerLevels:
    return PowerLevels.from_content(content, version, frozenset({ALICE}))


@pytest.mark.parametrize("version", [V1, V5, V6, V9])
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("100", 100),
        ("000100", 100),
        ("-100", -100),
        ("+100", 100),
        (" 100 ", 100),
        (" 00100 ", 100),
        (" +100 ", 100),
        ("\t-100\n", -100),
        ("-0", 0),
        ("9" * 30, int("9" * 30)),
        ("1_000", None),
        ("+ 100", None),
        ("--1", None),
        ("10.0", None),
        ("1e2", None),
        ("0x10", None),
        ("", None),
        (" ", None),
        ("1 0", None),
        ("١٠٠", None),
        ("²", None),
        ("9" * 60_000, None),
    ],
)
def test_a_string_is_a_level_if_it_spells_an_integer(version: RoomVersion, text: str, value: int | None) -> None:
    assert parse_level(text, version) == value


@pytest.mark.parametrize("version", [V1, V5])
@pytest.mark.parametrize(
    ("number", "value"),
    [
        (50.57, 50),
        (-50.57, -50),
        (-0.5, 0),
        (5.114698e4, 51146),
        (1e300, int(1e300)),
        (inf, None),
        (-inf, None),
        (nan, None),
    ],
)
def test_a_float_is_cut_at_its_point(version: RoomVersion, number: float, value: int | None) -> None:
    assert parse_level(number, version) == value


def test_floats_are_no_levels_where_events_have_none() -> None:
    assert parse_level(50.0, V5) == 50
    assert parse_level(50.0, V6) is None
    assert parse_level(50.0, V10) is None


def test_strings_are_no_levels_since_version_10() -> None:
    assert parse_level("50", V9) == 50
    assert parse_level("50", V10) is None


@in_versions()
@pytest.mark.parametrize("value", [None, True, False, [], {}, [50], {"level": 50}])
def test_nothing_else_is_a_level(version: RoomVersion, value: Any) -> None:
    assert parse_level(value, version) is None


@in_versions()
def test_integers_are_levels(version: RoomVersion) -> None:
    for value in (0, 1, -1, 2**53 - 1, -(2**53) + 1):
        assert parse_level(value, version) == value


@in_versions()
def test_what_an_event_leaves_out_has_a_default(version: RoomVersion) -> None:
    empty = levels(version)

    assert (empty.ban, empty.kick, empty.redact, empty.invite) == (50, 50, 50, 0)
    assert empty.needed_to_send("m.room.topic", is_state=True) == 50
    assert empty.needed_to_send("m.room.message", is_state=False) == 0
    assert empty.notification("room") == 50
    assert empty.of(BOB) == 0


@in_versions()
def test_an_event_says_what_is_needed(version: RoomVersion) -> None:
    said = levels(
        version,
        users={BOB: 7},
        users_default=1,
        events={"m.room.topic": 2},
        state_default=3,
        events_default=4,
        invite=5,
        notifications={"room": 6},
    )

    assert (said.of(BOB), said.of(CAROL)) == (7, 1)
    assert said.needed_to_send("m.room.topic", is_state=True) == 2
    assert said.needed_to_send("m.room.topic", is_state=False) == 2
    assert said.needed_to_send("m.room.name", is_state=True) == 3
    assert said.needed_to_send("m.room.name", is_state=False) == 4
    assert (said.invite, said.notification("room"), said.notification("other")) == (5, 6, 50)


@in_versions()
def test_without_an_event_the_creator_stands_above_all(version: RoomVersion) -> None:
    room = Room(version)
    without = PowerLevels.of_room(None, room.create)

    assert without.of(ALICE) == (inf if version.creators_have_infinite_power else 100)
    assert without.of(BOB) == 0
    assert without.needed_to_send("m.room.topic", is_state=True) == 50


@in_versions(versions_where(creators_have_infinite_power=False))
def test_with_an_event_a_creator_is_somebody_like_others(version: RoomVersion) -> None:
    assert levels(version, users_default=3).of(ALICE) == 3


def test_creators_that_cannot_be_demoted() -> None:
    room = Room(V12, {"additional_creators": [BOB]})
    power = PowerLevels.of_room(room.put("m.room.power_levels", ALICE, {"users": {ALICE: 1, BOB: 1}}), room.create)

    assert power.of(ALICE) == power.of(BOB) == inf
    assert power.may_kick(ALICE, CAROL)
    assert not power.may_kick(ALICE, BOB)


def test_who_the_creators_are() -> None:
    content = {"creator": BOB, "additional_creators": [CAROL, 1, None]}

    assert room_creators(Room(V10, content).create) == {BOB}
    assert room_creators(Room(V11, content).create) == {ALICE}
    assert room_creators(Room(V12, content).create) == {ALICE, CAROL}
    assert room_creators(Room(V1, {"creator": None}).create) == frozenset()
    assert room_creators(Room(V12, {"additional_creators": CAROL}).create) == {ALICE}


@in_versions()
def test_what_a_user_may_do(version: RoomVersion) -> None:
    power = levels(
        version, users={BOB: 50, CAROL: 50, DAVE: 10}, ban=30, kick=60, redact=50, invite=11, notifications={"room": 50}
    )

    assert power.may_send(BOB, "m.room.topic", is_state=True)
    assert not power.may_send(DAVE, "m.room.topic", is_state=True)
    assert power.may_ban(BOB, DAVE)
    assert not power.may_ban(BOB, CAROL)
    assert not power.may_kick(BOB, DAVE)
    assert not power.may_unban(BOB, DAVE)
    assert power.may_redact(BOB)
    assert not power.may_redact(DAVE)
    assert power.may_invite(BOB)
    assert not power.may_invite(DAVE)
    assert power.may_notify(BOB, "room")
    assert not power.may_notify(DAVE, "room")


@in_versions()
@pytest.mark.parametrize("broken", ["abc", [], {}, True])
def test_a_malformed_level_is_out_of_reach(version: RoomVersion, broken: Any) -> None:
    power = levels(
        version,
        users={BOB: 10**6, CAROL: broken},
        users_default=broken,
        ban=broken,
        invite=broken,
        state_default=broken,
        events={"m.room.message": broken},
        notifications={"room": broken},
    )

    assert not power.may_ban(BOB, CAROL)
    assert not power.may_invite(BOB)
    assert not power.may_send(BOB, "m.room.topic", is_state=True)
    assert not power.may_send(BOB, "m.room.message", is_state=False)
    assert not power.may_notify(BOB, "room")
    assert power.of(CAROL) == power.of(DAVE) == -inf


@in_versions()
def test_a_level_that_is_null_is_as_good_as_left_out(version: RoomVersion) -> None:
    names = [*LEVEL_DEFAULTS, "users", "notifications"]
    power = levels(version, **dict.fromkeys(names), events={"m.room.topic": None})

    assert {name: getattr(power, name) for name in LEVEL_DEFAULTS} == LEVEL_DEFAULTS
    assert power.needed_to_send("m.room.topic", is_state=True) == 50
    assert power.notification("room") == 50


@pytest.mark.parametrize("broken", [None, "abc", [], 5])
def test_malformed_levels_of_events_let_nobody_send_anything(broken: Any) -> None:
    for version in VERSIONS:
        power = levels(version, users={BOB: 100}, events=broken)
        assert not power.may_send(BOB, "m.room.topic", is_state=True)
        assert not power.may_send(BOB, "m.room.message", is_state=False)
