"""Rules for `m.room.power_levels`."""

from math import inf, nan
from typing import Any

import pytest

from hs_core.matrix.event import Event
from hs_core.matrix.power_levels import LEVEL_DEFAULTS
from hs_core.matrix.room_version import RoomVersion

from .rooms import ALICE, BOB, CAROL, DAVE, Room, in_versions, versions_where

LENIENT = versions_where(integer_power_levels=False)
STRICT = versions_where(integer_power_levels=True)
WITH_FLOATS = versions_where(strict_canonical_json=False)


def room_of(version: RoomVersion, **content: Any) -> Room:
    """A room where Bob, with 50, may change power levels."""
    room = Room(version)
    room.put_members(alice="join", bob="join", carol="join")
    room.put("m.room.power_levels", ALICE, {"users": {BOB: 50}, **content})
    return room


def change(room: Room, *, by: str = BOB, **content: Any) -> Event:
    """The present power levels with some properties replaced; `...` removes one."""
    new = {**room.state["m.room.power_levels", ""].content, **content}
    return room.event("m.room.power_levels", by, {key: value for key, value in new.items() if value is not ...}, "")


@in_versions()
def test_power_levels_may_stay_as_they_are(version: RoomVersion) -> None:
    room = room_of(version, ban=100, events={"m.room.topic": 100}, users={BOB: 50, CAROL: 100})

    assert room.allows(change(room))


# The form of the content


@in_versions()
@pytest.mark.parametrize("users", [None, [], "users", 1, True])
def test_users_are_an_object(version: RoomVersion, users: Any) -> None:
    assert "`users`" in (room := room_of(version)).refusal(change(room, users=users))


@in_versions()
def test_users_may_be_left_out(version: RoomVersion) -> None:
    room = room_of(version, users={BOB: 50})

    assert room.allows(change(room, users=...))
    del room.state["m.room.power_levels", ""]
    assert room.allows(room.event("m.room.power_levels", ALICE, {}, ""))


@in_versions()
@pytest.mark.parametrize(
    "user", ["", "carol", "@carol", "@carol:", "#carol:x", "@carol:not a server", "@" + "c" * 300 + ":x"]
)
def test_users_are_named_by_user_ids(version: RoomVersion, user: str) -> None:
    assert "`users`" in (room := room_of(version)).refusal(change(room, users={BOB: 50, user: 0}))


@in_versions()
@pytest.mark.parametrize("level", [None, True, False, [], {}, "", "ten", "1_0", "1.5", "1e1", inf, nan])
def test_powers_of_users_are_integers(version: RoomVersion, level: Any) -> None:
    room = room_of(version)

    malformed = change(room, users={BOB: 50, CAROL: level})

    assert not room.allows(malformed)
    del room.state["m.room.power_levels", ""]
    assert "m.room.power_levels" in room.refusal(room.event("m.room.power_levels", ALICE, malformed.content, ""))


@in_versions()
@pytest.mark.parametrize("name", LEVEL_DEFAULTS)
def test_whether_strings_are_levels(version: RoomVersion, name: str) -> None:
    room = room_of(version)

    assert room.allows(change(room, **{name: " +40 "})) is not version.integer_power_levels
    assert room.allows(change(room, users={BOB: "50"})) is not version.integer_power_levels
    assert room.allows(change(room, events={"m.room.name": "50"})) is not version.integer_power_levels
    assert not room.allows(change(room, **{name: "51"}))
    assert not room.allows(change(room, users={BOB: "51"}))
    assert not room.allows(change(room, events={"m.room.name": "51"}))


@in_versions()
def test_whether_floats_are_levels(version: RoomVersion) -> None:
    room = room_of(version)

    assert room.allows(change(room, users={BOB: 50.57})) is (version in WITH_FLOATS)
    assert not room.allows(change(room, users={BOB: 51.0}))


@in_versions(STRICT)
@pytest.mark.parametrize("name", LEVEL_DEFAULTS)
@pytest.mark.parametrize("value", [None, True, "1", 1.0, [], {}])
def test_since_version_10_every_level_is_an_integer(version: RoomVersion, name: str, value: Any) -> None:
    room = room_of(version)

    assert name in room.refusal(change(room, **{name: value}))


@in_versions(STRICT)
@pytest.mark.parametrize("name", ["events", "notifications"])
@pytest.mark.parametrize("value", [None, [], 1, {"x": None}, {"x": "1"}, {"x": True}, {"x": {}}])
def test_since_version_10_maps_of_levels_have_integers(version: RoomVersion, name: str, value: Any) -> None:
    room = room_of(version)

    assert name in room.refusal(change(room, **{name: value}))
    del room.state["m.room.power_levels", ""]
    assert name in room.refusal(room.event("m.room.power_levels", ALICE, {name: value}, "")), "also as the first"


@in_versions(LENIENT)
@pytest.mark.parametrize("content", [{"ban": "abc"}, {"ban": None}, {"events": []}, {"events": {"x": {}}}])
def test_before_version_10_the_first_power_levels_are_hardly_checked(
    version: RoomVersion, content: dict[str, Any]
) -> None:
    room = Room(version)
    room.put_members(alice="join")

    assert room.allows(room.event("m.room.power_levels", ALICE, content, ""))


@in_versions(LENIENT)
@pytest.mark.parametrize("content", [{"ban": "abc"}, {"ban": None}, {"events": []}, {"events": {"x": {}}}])
def test_before_version_10_nobody_can_change_levels_to_nonsense(version: RoomVersion, content: dict[str, Any]) -> None:
    room = room_of(version)

    assert not room.allows(change(room, **content))


@in_versions(WITH_FLOATS)
@pytest.mark.parametrize("content", [{"ban": inf}, {"events": {"x": -inf}}, {"notifications": {"room": nan}}])
def test_numbers_beyond_doubles_are_rejected_anywhere(version: RoomVersion, content: dict[str, Any]) -> None:
    room = Room(version)
    room.put_members(alice="join")

    assert not room.allows(room.event("m.room.power_levels", ALICE, content, ""))


@in_versions(versions_where(creators_have_infinite_power=True))
def test_creators_are_not_among_the_users(version: RoomVersion) -> None:
    room = Room(version, {"additional_creators": [BOB]})
    room.put_members(alice="join", bob="join")

    for creator in (ALICE, BOB):
        first = room.event("m.room.power_levels", ALICE, {"users": {creator: 100}}, "")
        assert "`additional_creators`" in room.refusal(first)
    assert room.allows(room.event("m.room.power_levels", BOB, {"users": {CAROL: 2**53 - 1}}, ""))


# Who may change what


@in_versions()
def test_the_first_power_levels_may_say_anything(version: RoomVersion) -> None:
    room = Room(version)
    room.put_members(alice="join", bob="join")
    first = {"ban": 1000, "users": {BOB: 1000}, "events": {"m.room.power_levels": 1000}}

    assert room.allows(room.event("m.room.power_levels", ALICE, first, ""))
    assert not room.allows(room.event("m.room.power_levels", BOB, first, ""))


@in_versions()
def test_another_state_key_does_not_get_round_the_rules(version: RoomVersion) -> None:
    room = room_of(version)

    for state_key in ("other", BOB, None):
        assert not room.allows(room.event("m.room.power_levels", BOB, {"users": {BOB: 100}}, state_key))


@in_versions()
@pytest.mark.parametrize("name", LEVEL_DEFAULTS)
@pytest.mark.parametrize(
    ("old", "new", "allowed"),
    [
        (40, 50, True),
        (40, 51, False),
        (50, 0, True),
        (51, 50, False),
        (..., 50, True),
        (..., 51, False),
        (51, ..., False),
        (50, ..., True),
        (60, 60, True),
    ],
)
def test_a_level_stays_within_the_reach_of_who_changes_it(
    version: RoomVersion, name: str, old: Any, new: Any, allowed: bool
) -> None:
    room = room_of(version, events={"m.room.power_levels": 0})
    room.state["m.room.power_levels", ""] = change(room, **{name: old})

    assert room.allows(change(room, **{name: new})) is allowed


@in_versions()
@pytest.mark.parametrize("name", ["events", "notifications"])
@pytest.mark.parametrize(
    ("old", "new", "allowed"),
    [
        ({}, {"x": 50}, True),
        ({}, {"x": 51}, False),
        ({"x": 51}, {}, False),
        ({"x": 51}, {"x": 50}, False),
        ({"x": 51}, {"x": 52}, False),
        ({"x": 51}, {"x": 51}, True),
        ({"x": 50}, {"x": 51}, False),
        ({"x": 50}, {}, True),
        ({"x": 50}, {"x": 1, "y": 2}, True),
    ],
)
def test_levels_of_events_and_of_notifications(
    version: RoomVersion, name: str, old: Any, new: Any, allowed: bool
) -> None:
    room = room_of(version, **{name: old})
    unlimited = name == "notifications" and not version.limits_notification_power_levels

    assert room.allows(change(room, **{name: new})) is (allowed or unlimited)


@in_versions()
@pytest.mark.parametrize(
    ("old", "new", "allowed"),
    [
        ({}, {CAROL: 50}, True),
        ({}, {CAROL: 51}, False),
        ({CAROL: 49}, {CAROL: 50}, True),
        ({CAROL: 49}, {CAROL: 51}, False),
        ({CAROL: 49}, {}, True),
        ({CAROL: 50}, {CAROL: 49}, False),
        ({CAROL: 50}, {}, False),
        ({CAROL: 60}, {CAROL: 50}, False),
        ({CAROL: 60}, {CAROL: 60}, True),
        ({CAROL: 60}, {CAROL: 60, DAVE: -5}, True),
    ],
)
def test_the_power_of_other_users(
    version: RoomVersion, old: dict[str, int], new: dict[str, int], allowed: bool
) -> None:
    room = room_of(version, users={BOB: 50, **old})

    assert room.allows(change(room, users={BOB: 50, **new})) is allowed


@in_versions()
def test_ones_own_power_can_only_be_given_away(version: RoomVersion) -> None:
    room = room_of(version)

    assert room.allows(change(room, users={BOB: 49}))
    assert room.allows(change(room, users={}))
    assert not room.allows(change(room, users={BOB: 51}))


@in_versions(LENIENT)
def test_another_spelling_of_a_level_is_no_change(version: RoomVersion) -> None:
    room = room_of(version, ban="100", users={BOB: 50, CAROL: " 050"}, events={"x": "+99"})

    assert room.allows(change(room, ban=100, users={BOB: "50", CAROL: 50}, events={"x": "99"}))


@in_versions(LENIENT)
def test_levels_may_be_larger_than_any_machine_word(version: RoomVersion) -> None:
    room = room_of(version, users={BOB: "9" * 40})

    assert room.allows(change(room, users={BOB: "9" * 40, CAROL: "9" * 39}))
    assert not room.allows(change(room, users={BOB: "9" * 40, CAROL: "1" + "0" * 40}))


@in_versions(versions_where(creators_have_infinite_power=True))
def test_creators_change_whatever_they_like(version: RoomVersion) -> None:
    room = room_of(version, users={CAROL: 2**53 - 1}, ban=2**53 - 1)

    assert room.allows(change(room, by=ALICE, users={}, ban=0, events={"x": 2**53 - 1}))
