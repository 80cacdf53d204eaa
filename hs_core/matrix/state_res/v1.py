"""State resolution of room version 1 ("State resolution")."""

from collections.abc import Callable, Iterable, Mapping
from hashlib import sha1
from typing import Final, TypeAlias

from hs_core.matrix.event import Event, StateKey
from hs_core.matrix.identifiers import EventId
from hs_core.matrix.state_res.auth_checks import PartialState
from hs_core.matrix.state_res.conflict import Conflict
from hs_core.matrix.state_res.event_pool import EventPool
from hs_core.matrix.state_res.requests import Steps

_AUTH_TYPES: Final = ("m.room.power_levels", "m.room.join_rules", "m.room.member")

Conflicts: TypeAlias = Mapping[StateKey, list[Event]]
"""The conflicting events of each key, in the order of the algorithm."""

Choice: TypeAlias = Callable[[PartialState, list[Event]], Event]
"""Chooses among the conflicting events of one key."""


def resolve_v1(conflict: Conflict) -> Steps[dict[StateKey, EventId]]:
    """Version 1 of the algorithm. Returns the entries of the resolved state beside the unconflicted state map."""
    pool = EventPool()
    candidates = conflict.candidates()
    yield from pool.load(event_id for event_ids in candidates.values() for event_id in event_ids)
    # "A conflict occurs between states where those states have different `event_ids`": a key that only some of the
    # states have is none if those agree.
    conflicts = {key: events for key, ids in candidates.items() if len(ids) > 1 and (events := _sorted(pool, ids))}
    state = PartialState(pool, conflict.unconflicted)
    state.resolved.update({key: event_id for key, ids in candidates.items() if len(ids) == 1 for event_id in ids})
    yield from state.load_for(event for events in conflicts.values() for event in events)

    for event_type in _AUTH_TYPES:
        _resolve_each(state, _of_type(event_type, conflicts), _last_allowed_in_turn)
    others = {key: events for key, events in conflicts.items() if key[0] not in _AUTH_TYPES}
    _resolve_each(state, others, _latest_allowed)
    return state.resolved


def _sorted(pool: EventPool, event_ids: Iterable[EventId]) -> list[Event]:
    return sorted(pool.known(event_ids), key=_order)


def _of_type(event_type: str, conflicts: Conflicts) -> Conflicts:
    return {key: events for key, events in conflicts.items() if key[0] == event_type}


def _resolve_each(state: PartialState, conflicts: Conflicts, choose: Choice) -> None:
    """Resolve conflicts that do not depend on each other: all choices are made before any of them counts."""
    for event in [choose(state, events) for events in conflicts.values()]:
        state.set(event)


def _last_allowed_in_turn(state: PartialState, events: list[Event]) -> Event:
    """The last of the events until one "would not be allowed" in the state with the one before it."""
    # "Add the first event in the list to R. For each subsequent event in the list, check that the event would be
    # allowed by the authorisation rules for a room in state R."
    chosen, *subsequent = events
    for event in subsequent:
        state.set(chosen)
        if not state.allows(event, fallback={}):
            break
        chosen = event
    state.resolved.pop(chosen.key, None)
    return chosen


def _latest_allowed(state: PartialState, events: list[Event]) -> Event:
    # "Just pick the event with the highest depth and lowest `sha1(event_id)` that passes authentication in R."
    # The specification is silent on what happens if none does; the servers that made this algorithm then keep the
    # event with the least depth, and a room must not split over it.
    return next((event for event in reversed(events) if state.allows(event, fallback={})), events[0])


def _order(event: Event) -> tuple[int, int]:
    # "Sort the list by ascending `depth` then descending `sha1(event_id)`."
    return event.depth, -int.from_bytes(sha1(event.event_id.encode()).digest(), "big")
