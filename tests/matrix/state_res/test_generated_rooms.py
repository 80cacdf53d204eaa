"""Every resolution that a generated room can ask for is the one that the specification spells out."""

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

people = st.sampled_from(PEOPLE)
levels = st.sampled_from([0, 25, 50, 100])


@st.composite
def rooms(draw: st.DrawFn) -> RoomDag:
    """A room of any version with forks, in which people try what they may not as well. Clocks are wrong, or equal."""
    version = draw(st.sampled_from(VERSIONS))
    room = RoomDag(version, ALICE, bare=draw(st.booleans()))
    for _ in range(draw(st.integers(3, 22))):
        sender, target = draw(people), draw(people)
        place: dict[str, Any] = {
            "after": _somewhere(draw, room),
            "at": BEGINNING + INTERVAL * draw(st.integers(0, 12)),
            "may_be_rejected": draw(st.integers(0, 9)) == 0,
        }
        try:
            _act(draw, room, sender, target, place)
        except Rejected:
            continue
    return room


def _somewhere(draw: st.DrawFn, room: RoomDag) -> list[Event]:
    """After one event or a few, mostly late ones."""
    accepted = [event for event in room.events.values() if event.event_id not in room.rejected]
    latest = accepted[1:][-8:]
    return draw(st.lists(st.sampled_from(latest), min_size=1, max_size=3, unique_by=lambda event: event.event_id))


def _act(draw: st.DrawFn, room: RoomDag, sender: UserId, target: UserId, place: dict[str, Any]) -> None:
    match draw(
        st.sampled_from(["join", "join", "profile", "power", "power", "rules", "topic", "ban", "kick", "invite"])
    ):
        case "join":
            room.join(target, **place)
        case "profile":
            room.profile(target, draw(st.sampled_from("xyz")), **place)
        case "power":
            room.power({target: draw(levels)}, by=sender, **place)
        case "rules":
            rules = ["public", "invite", *sorted(room.room_version.knock_join_rules)]
            room.join_rules(draw(st.sampled_from(rules)), by=sender, **place)
        case "topic":
            room.topic(draw(st.sampled_from("abc")), by=sender, **place)
        case "ban":
            room.ban(target, by=sender, **place)
        case "kick":
            room.kick(target, by=sender, **place)
        case "invite":
            room.invite(target, by=sender, **place)


@st.composite
def forks(draw: st.DrawFn) -> tuple[RoomDag, list[StateMap]]:
    """A room and two or more of the states that it was in, not only those at its tips."""
    room = draw(rooms())
    events = draw(st.lists(st.sampled_from(list(room.events.values())), min_size=2, max_size=4))
    return room, [room.state_after(event) for event in events]


@settings(max_examples=60, deadline=None)
@given(forks())
def test_a_resolution_is_what_the_specification_says(fork: tuple[RoomDag, list[StateMap]]) -> None:
    room, states = fork
    assert room.resolve_states(*states) == Literal(room.room_version, room.events, room.rejected).resolve(states)
