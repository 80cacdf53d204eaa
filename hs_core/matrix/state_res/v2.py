"""State resolution since room version 2, and as room version 12 changes it ("State resolution", "Algorithm")."""

from hs_core.matrix.auth.state import POWER_LEVELS
from hs_core.matrix.event import Event, StateKey, StateMap
from hs_core.matrix.identifiers import EventId
from hs_core.matrix.state_res.auth_checks import PartialState, iterative_auth_checks
from hs_core.matrix.state_res.auth_difference import fetch_auth_difference
from hs_core.matrix.state_res.conflict import Conflict
from hs_core.matrix.state_res.event_pool import EventPool
from hs_core.matrix.state_res.mainline import mainline_order
from hs_core.matrix.state_res.power_order import is_power_event, reverse_topological_power_order, with_auth_chains
from hs_core.matrix.state_res.requests import Steps
from hs_core.matrix.state_res.subgraph import fetch_conflicted_subgraph


def resolve_v2(conflict: Conflict) -> Steps[dict[StateKey, EventId]]:
    """Version 2 of the algorithm. Returns the entries of the resolved state beside the unconflicted state map."""
    difference = yield from fetch_auth_difference(conflict)
    full_conflicted_set = conflict.conflicted | difference
    return (yield from _resolve(conflict, full_conflicted_set, None, initial=conflict.unconflicted))


def resolve_v2_1(conflict: Conflict) -> Steps[dict[StateKey, EventId]]:
    """Version 2.1, which differs in what the full conflicted set is and in the state that it starts from."""
    difference = yield from fetch_auth_difference(conflict)
    subgraph = yield from fetch_conflicted_subgraph(conflict)
    full_conflicted_set = conflict.conflicted | subgraph | difference
    return (yield from _resolve(conflict, full_conflicted_set, subgraph, initial={}))


def _resolve(
    conflict: Conflict, full_conflicted_set: frozenset[EventId], subgraph: frozenset[EventId] | None, initial: StateMap
) -> Steps[dict[StateKey, EventId]]:
    """The steps that the versions have in common. `subgraph` is asked for if it is not known and needed."""
    pool = EventPool()
    yield from pool.load(full_conflicted_set)
    events = {event.event_id: event for event in pool.known(full_conflicted_set) if event.is_state}

    selected = yield from _select_power_events(pool, conflict, events, subgraph)
    power_order = yield from reverse_topological_power_order(pool, [events[event_id] for event_id in selected])
    state = PartialState(pool, initial)
    yield from iterative_auth_checks(pool, state, power_order)

    remaining = [event for event_id, event in events.items() if event_id not in selected]
    order = yield from mainline_order(pool, state.get(POWER_LEVELS), remaining)
    yield from iterative_auth_checks(pool, state, order)

    # "Update the result by replacing any event with the event with the same key from the unconflicted state map, if
    # such an event exists."
    return {key: event_id for key, event_id in state.resolved.items() if key not in conflict.unconflicted}


def _select_power_events(
    pool: EventPool, conflict: Conflict, events: dict[EventId, Event], subgraph: frozenset[EventId] | None
) -> Steps[set[EventId]]:
    """The power events in the full conflicted set, and "the events in the auth chain" of each "which also belong to the
    full conflicted set".

    A path between two events of that set leaves it only by way of events that are in every full auth chain, and so is
    everything below them, which is in the set only if it is conflicted. What is above, and not in every chain, is below
    something conflicted. So such a path is part of the conflicted state subgraph.
    """
    power_events = [event for event in events.values() if is_power_event(event)]
    if not power_events:
        return set()
    if subgraph is None:
        subgraph = yield from fetch_conflicted_subgraph(conflict)
        yield from pool.load(subgraph)
    return with_auth_chains(pool, power_events, among=events.keys(), through=events.keys() | subgraph)
