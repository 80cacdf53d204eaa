"""Every resolution that a generated room can ask for is the one that the specification spells out."""

from collections.abc import Sequence
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hs_core.matrix.errors import Rejected
from hs_core.matrix.event import Event, StateMap
from hs_core.matrix.identifiers import UserId
from hs_core.matrix.room_version import ROOM_VERSIONS
from hs_core.testing.room_dag import BEGINNING, INTERVAL, RoomDag
from tests.matrix.state_res.literal import Literal
from tests.matrix.state_res.people import ALICE, BOB, CAROL, DAVE

PEOPLE = [ALICE, BOB, CAROL, DAVE]
VERSIONS = list(ROOM_VERSIONS.values())

ACTS = ["join", "join", "profile", "power", "power", "rules", "topic", "ban", "kick", "invite"]

people = st.sampled_from(PEOPLE)


@st.composite
def rooms(draw: st.DrawFn, acts: Sequence[str] = ACTS) -> RoomDag:
    """A room of any version with forks, in which people try what they may not as well. Clocks are wrong, or equal."""
    room = RoomDag(draw(st.sampled_from(VERSIONS)), ALICE, bare=draw(st.integers(0, 7)) == 0)
    for _ in range(draw(st.integers(3, 25))):
        sender, target = draw(people), draw(people)
        place: dict[str, Any] = {
            "after": _somewhere(draw, room),
            "at": BEGINNING + INTERVAL * draw(st.integers(0, 12)),
            "may_be_rejected": draw(st.integers(0, 9)) == 0,
        }
        try:
            _act(room, draw(st.sampled_from(acts)), sender, target, draw(st.integers(0, 3)), place)
        except Rejected:
            continue
    return room


def _somewhere(draw: st.DrawFn, room: RoomDag) -> list[Event]:
    """After one event or a few, mostly late ones."""
    accepted = [event for event in room.events.values() if event.event_id not in room.rejected]
    latest = accepted[1:][-8:]
    return draw(st.lists(st.sampled_from(latest), min_size=1, max_size=3, unique_by=lambda event: event.event_id))


def _act(room: RoomDag, act: str, sender: UserId, target: UserId, variant: int, place: dict[str, Any]) -> None:
    match act:
        case "join":
            room.join(target, **place)
        case "profile":
            room.profile(target, f"name {variant}", **place)
        case "power":
            room.power({target: (0, 25, 50, 100)[variant]}, by=sender, **place)
        case "rules":
            rules = ["public", "invite", *room.room_version.knock_join_rules]
            room.join_rules(rules[variant % len(rules)], by=sender, **place)
        case "topic":
            room.topic(f"topic {variant}", by=sender, **place)
        case "ban":
            room.ban(target, by=sender, **place)
        case "kick":
            room.kick(target, by=sender, **place)
        case "invite":
            room.invite(target, by=sender, **place)


@st.composite
def forks(draw: st.DrawFn, acts: Sequence[str] = ACTS) -> tuple[RoomDag, list[StateMap]]:
    """A room and two or more of the states that it was in, not only those at its tips."""
    room = draw(rooms(acts))
    events = draw(st.lists(st.sampled_from(list(room.events.values())), min_size=2, max_size=4))
    return room, [room.state_after(event) for event in events]


Fork = tuple[RoomDag, list[StateMap]]


@settings(max_examples=80, deadline=None)
@given(forks())
def test_a_resolution_is_what_the_specification_says(fork: Fork) -> None:
    room, states = fork
    assert room.resolve_states(*states) == Literal(room.room_version, room.events, room.rejected).resolve(states)


@settings(max_examples=60, deadline=None)
@given(forks(["power", "power", "power", "topic", "join"]))
def test_long_and_forked_lines_of_power_levels_are_ordered_as_the_specification_says(fork: Fork) -> None:
    room, states = fork
    assert room.resolve_states(*states) == Literal(room.room_version, room.events, room.rejected).resolve(states)


@settings(max_examples=40, deadline=None)
@given(forks(), st.randoms())
def test_the_order_of_the_states_and_how_often_each_is_given_make_no_difference(fork: Fork, random: Random) -> None:
    room, states = fork
    shuffled = [*states, random.choice(states)]
    random.shuffle(shuffled)

    assert room.resolve_states(*shuffled) == room.resolve_states(*states)


@settings(max_examples=40, deadline=None)
@given(forks())
def test_to_resolve_a_resolved_state_once_more_changes_nothing(fork: Fork) -> None:
    room, states = fork
    resolved = room.resolve_states(*states)

    assert room.resolve_states(resolved, dict(resolved)) == resolved


@settings(max_examples=40, deadline=None)
@given(forks())
def test_what_all_states_agree_on_stays(fork: Fork) -> None:
    room, states = fork
    agreed = set.intersection(*(set(state.items()) for state in states))

    assert agreed <= room.resolve_states(*states).items()


@settings(max_examples=40, deadline=None)
@given(forks())
def test_a_resolved_state_is_made_of_accepted_events_in_their_places(fork: Fork) -> None:
    room, states = fork
    given_ids = {event_id for state in states for event_id in state.values()}
    possible = given_ids | room.auth_chain([room.events[event_id] for event_id in given_ids])

    for key, event_id in room.resolve_states(*states).items():
        event = room.events[event_id]
        assert event.key == key
        assert event_id in possible
        assert event_id not in room.rejected


@settings(max_examples=40, deadline=None)
@given(rooms())
def test_after_a_merge_those_who_are_joined_can_speak_and_others_cannot(room: RoomDag) -> None:
    tips, state = room.tips, room.state_before(None)
    for user in PEOPLE:
        event_id = state.get(("m.room.member", user))
        joined = event_id is not None and room.events[event_id].content["membership"] == "join"
        spoken = room.message(by=user, after=tips, may_be_rejected=True)
        assert (spoken.event_id not in room.rejected) == joined
