"""State resolution (each room version's "State resolution"): the one state that several states of a room come to.

`resolve` is a generator that yields requests for events; it does no I/O and knows no store. Callers that have an index
of auth chains answer `FetchAuthDifference` and `FetchConflictedSubgraph` from it; for others `asking_for_events_only`
answers them by walking. `resolve_with` is for callers that have all events at hand.
"""

from collections.abc import Callable, Collection, Container, Mapping, Sequence
from typing import Final

from hs_core.matrix.event import Event, StateKey, StateMap
from hs_core.matrix.identifiers import EventId
from hs_core.matrix.room_version import RoomVersion, StateResolution
from hs_core.matrix.state_res.answers import asking_for_events_only, run, walk_for_answer
from hs_core.matrix.state_res.conflict import Conflict, find_conflict
from hs_core.matrix.state_res.requests import (
    FetchAuthDifference,
    FetchConflictedSubgraph,
    FetchedEvents,
    FetchEvents,
    Reply,
    Request,
    Steps,
    Walk,
)
from hs_core.matrix.state_res.v1 import resolve_v1
from hs_core.matrix.state_res.v2 import resolve_v2, resolve_v2_1

__all__ = [
    "Conflict",
    "FetchAuthDifference",
    "FetchConflictedSubgraph",
    "FetchEvents",
    "FetchedEvents",
    "Reply",
    "Request",
    "Steps",
    "Walk",
    "asking_for_events_only",
    "find_conflict",
    "resolve",
    "resolve_conflict",
    "resolve_with",
    "run",
    "walk_for_answer",
]

_ALGORITHMS: Final[Mapping[StateResolution, Callable[[Conflict], Steps[dict[StateKey, EventId]]]]] = {
    StateResolution.V1: resolve_v1,
    StateResolution.V2: resolve_v2,
    StateResolution.V2_1: resolve_v2_1,
}


def resolve(room_version: RoomVersion, state_sets: Sequence[StateMap]) -> Steps[StateMap]:
    """The resolution of a set of states. One state, or several that are equal, resolve to themselves, without requests.

    No states resolve to the empty state: that before a room's create event.
    """
    if not state_sets:
        return {}
    first = state_sets[0]
    if all(state is first or state == first for state in state_sets):
        return first
    conflict = find_conflict(state_sets)
    resolved = yield from resolve_conflict(room_version, conflict)
    return {**conflict.unconflicted, **resolved}


def resolve_conflict(room_version: RoomVersion, conflict: Conflict) -> Steps[dict[StateKey, EventId]]:
    """What the resolved state has beside the unconflicted state map, for callers that know how their states differ.

    Keys may be among them that none of the states has.
    """
    return _ALGORITHMS[room_version.state_resolution](conflict)


def resolve_with(
    room_version: RoomVersion,
    state_sets: Sequence[StateMap],
    lookup: Callable[[Collection[EventId]], Mapping[EventId, Event]],
    rejected: Container[EventId] = frozenset(),
) -> StateMap:
    """The resolution of a set of states whose events, with their auth chains, can be had at once.

    `lookup` returns those of the events that it knows, and may return more; `rejected` are those of them that were
    rejected when they were received.
    """
    return run(asking_for_events_only(resolve(room_version, state_sets)), lookup, rejected)
