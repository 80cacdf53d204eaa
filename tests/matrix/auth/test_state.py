"""The view of the state that remembers what it has parsed."""

import pytest

from hs_core.matrix.auth import AuthState
from hs_core.matrix.errors import Rejected
from hs_core.matrix.membership import Membership
from hs_core.matrix.pdu import redacted_event
from hs_core.matrix.room_version import V10, V11, RoomVersion
from tests.matrix.examples import example_event

from .rooms import ALICE, BOB, CAROL, Room, in_versions


@in_versions()
def test_a_view_follows_the_state_below_it(version: RoomVersion) -> None:
    room = Room(version)
    state = room.auth_state

    assert state.power_levels.of(BOB) == 0
    for power in range(20):
        room.put_power({BOB: power})
        assert state.power_levels.of(BOB) == power
    assert state.membership(BOB) is Membership.LEAVE
    room.put_member(BOB, "invite")
    assert state.membership(BOB) is Membership.INVITE
    room.put_join_rule("public")
    assert state.join_rule == "public"


def test_what_was_parsed_is_not_parsed_again() -> None:
    room = Room(V11)
    state = room.auth_state
    first, levels = room.put_power({BOB: 1}), state.power_levels
    room.put_power({BOB: 2})

    assert state.power_levels is not levels
    room.state[first.key] = first
    assert state.power_levels is levels


def test_other_creators_have_other_power() -> None:
    room = Room(V10)
    state = room.auth_state
    assert state.power_levels.of(ALICE) == 100

    room.put("m.room.create", ALICE, {"creator": CAROL})

    assert state.creation.creators == {CAROL}
    assert (state.power_levels.of(ALICE), state.power_levels.of(CAROL)) == (0, 100)


def test_a_redacted_event_is_read_anew() -> None:
    levels = example_event(V10, "m.room.power_levels", {"invite": 70, "ban": 60}, state_key="")
    room = Room(V10)
    state = room.auth_state

    room.state[levels.key] = levels
    assert (state.power_levels.invite, state.power_levels.ban) == (70, 60)
    room.state[levels.key] = redacted_event(levels)
    assert (state.power_levels.invite, state.power_levels.ban) == (0, 60)


def test_a_state_made_of_events() -> None:
    room = Room(V11)
    member, message = room.put_member(BOB, "join"), room.message(BOB)

    state = AuthState.from_events([room.create, member, message])

    assert state.get("m.room.member", BOB) is member
    assert state.get("m.room.message", "") is None
    with pytest.raises(Rejected, match=r"no m\.room\.create"):
        _ = AuthState.from_events([member]).power_levels
