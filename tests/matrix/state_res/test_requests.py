"""What a resolution asks of its caller, and how the caller may answer."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings

from hs_core.matrix.event import Event, StateMap
from hs_core.matrix.identifiers import EventId, UserId
from hs_core.matrix.room_version import V1, V11, V12, RoomVersion
from hs_core.matrix.state_res import (
    FetchAuthDifference,
    FetchConflictedSubgraph,
    FetchedEvents,
    FetchEvents,
    Reply,
    Request,
    Steps,
    find_conflict,
    resolve,
    resolve_conflict,
    resolve_with,
    run,
    walk_for_answer,
)
from hs_core.testing.room_dag import RoomDag
from tests.matrix.state_res.literal import Literal
from tests.matrix.state_res.people import ALICE, BOB, CAROL
from tests.matrix.state_res.test_generated_rooms import forks

T = TypeVar("T")

all_algorithms = pytest.mark.parametrize("version", [V1, V11, V12], ids=lambda version: version.identifier)


class Recorder:
    """Looks events up and remembers for which it was asked."""

    def __init__(self, room: RoomDag) -> None:
        self.room = room
        self.batches: list[Collection[EventId]] = []

    def __call__(self, event_ids: Collection[EventId]) -> Mapping[EventId, Event]:
        self.batches.append(event_ids)
        return {event_id: self.room.events[event_id] for event_id in event_ids}


def no_events(event_ids: Collection[EventId]) -> Mapping[EventId, Event]:
    pytest.fail(f"asked for {event_ids}")


def forked(version: RoomVersion, members: int = 0, changes: int = 0) -> tuple[RoomDag, list[StateMap]]:
    """A room with many members and changes of power levels, and two of its states that disagree on a topic."""
    room = RoomDag(version, ALICE)
    for number in range(members):
        room.join(UserId(f"@member{number}:first.example"))
    for number in range(changes):
        room.power({BOB: number})
    start = room.message()
    return room, [room.state_after(room.topic(text, after=start)) for text in ("one", "two")]


def answered_literally(room: RoomDag, states: list[StateMap]) -> StateMap:
    """The resolution for a caller that has an index of auth chains: one that the specification's words make up."""
    literal = Literal(room.room_version, room.events, room.rejected)
    return drive(resolve(room.room_version, states), lambda request: literal_answer(literal, states, request))


def drive(steps: Steps[T], answer: Callable[[Request], Reply]) -> T:
    reply: Any = None
    while True:
        try:
            reply = answer(steps.send(reply))
        except StopIteration as finished:
            result: T = finished.value
            return result


def literal_answer(literal: Literal, states: list[StateMap], request: Request) -> Reply:
    match request:
        case FetchEvents(ids):
            return FetchedEvents({event_id: literal.events[event_id] for event_id in ids}, literal.rejected)
        case FetchAuthDifference():
            whole = [{key: literal.events[event_id] for key, event_id in state.items()} for state in states]
            return frozenset(event.event_id for event in literal.auth_difference(whole))
        case FetchConflictedSubgraph(conflicted):
            events = {literal.events[event_id] for event_id in conflicted}
            return frozenset(event.event_id for event in literal.conflicted_subgraph(events))


@all_algorithms
def test_no_states_resolve_to_none_at_all(version: RoomVersion) -> None:
    assert resolve_with(version, [], lambda _: {}) == {}


@all_algorithms
def test_one_state_or_equal_ones_need_no_events(version: RoomVersion) -> None:
    _, (state, _) = forked(version)

    assert resolve_with(version, [state], no_events) is state
    assert resolve_with(version, [state, dict(state), state], no_events) == state


@settings(max_examples=40, deadline=None)
@given(forks())
def test_an_index_of_auth_chains_gives_the_same_result(fork: tuple[RoomDag, list[StateMap]]) -> None:
    room, states = fork
    assert answered_literally(room, states) == room.resolve_states(*states)


@settings(max_examples=40, deadline=None)
@given(forks())
def test_walking_finds_the_auth_difference_and_the_subgraph(fork: tuple[RoomDag, list[StateMap]]) -> None:
    room, states = fork
    conflict = find_conflict(states)
    literal = Literal(room.room_version, room.events, room.rejected)
    for request in (FetchAuthDifference(conflict), FetchConflictedSubgraph(conflict.conflicted)):
        walked = run(walk_for_answer(request), lambda _: room.events)
        assert walked == literal_answer(literal, states, request)


@all_algorithms
def test_two_topics_cost_the_same_in_a_room_of_any_size(version: RoomVersion) -> None:
    asked = []
    for size in (1, 100):
        room, states = forked(version, members=size, changes=size)
        recorder = Recorder(room)
        resolve_with(version, states, recorder)
        asked.append([len(batch) for batch in recorder.batches])

    assert asked[0] == asked[1]


def test_the_auth_difference_of_a_large_room_is_walked_in_few_batches() -> None:
    room, _ = forked(V12, members=200)
    start = room.message()
    states = [room.state_after(room.topic("one", after=room.power({BOB: level}, after=start))) for level in (1, 2)]
    recorder = Recorder(room)

    resolve_with(V12, states, recorder)

    assert sum(map(len, recorder.batches)) > 200
    assert len(recorder.batches) < 20


def test_who_knows_how_states_differ_need_not_hand_them_over() -> None:
    room, states = forked(V12)
    conflict = find_conflict(states)
    literal = Literal(V12, room.events, room.rejected)
    resolved = drive(resolve_conflict(V12, conflict), lambda request: literal_answer(literal, states, request))

    assert resolved.keys() == {("m.room.topic", "")}
    assert {**conflict.unconflicted, **resolved} == room.resolve_states(*states)


def test_agreed_state_is_in_the_auth_difference_if_only_one_branch_stands_on_it() -> None:
    room = RoomDag(V11, ALICE)
    joined = room.join(BOB)
    start = room.power({BOB: 50})
    states = [room.state_after(start), room.state_after(room.topic("Bob was here", by=BOB))]

    difference = run(walk_for_answer(FetchAuthDifference(find_conflict(states))), lambda _: room.events)

    # "The set containing all of E's auth events", and so on: neither Bob's join nor the power levels, which nothing
    # else stands on yet, are in their own auth chains.
    assert difference == {joined.event_id, start.event_id}


def test_what_agreed_state_stands_on_is_not_in_the_auth_difference_however_far_below() -> None:
    room = RoomDag(V11, ALICE)
    room.power({CAROL: 9})
    joined = room.join(BOB)
    for level in range(5):
        room.power({CAROL: level})
    state = room.state_before(None)
    without = {key: event_id for key, event_id in state.items() if key != joined.key}

    difference = run(walk_for_answer(FetchAuthDifference(find_conflict([state, without]))), lambda _: room.events)

    # Nothing else stands on the join rules; the power levels at that time are below the current ones.
    assert difference == {state["m.room.join_rules", ""]}


def test_the_subgraph_has_what_lies_between_conflicted_events_and_nothing_else() -> None:
    room = RoomDag(V12, ALICE)
    upper = room.power({BOB: 1})
    middle = room.power({BOB: 2}, after=room.profile(ALICE, "Alice"))
    aside = room.join(CAROL)
    lower = room.power({BOB: 3})
    renamed = next(event for event in room.events.values() if event.content.get("displayname") == "Alice")

    subgraph = run(
        walk_for_answer(FetchConflictedSubgraph(frozenset({upper.event_id, lower.event_id}))), lambda _: room.events
    )

    assert subgraph == {upper.event_id, middle.event_id, renamed.event_id, lower.event_id}
    assert aside.event_id not in subgraph
