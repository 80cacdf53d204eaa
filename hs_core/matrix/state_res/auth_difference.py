"""The auth difference of several states (room version 2, "Auth difference").

The full auth chain of every state contains those of the unconflicted events. So the auth difference is that of the
conflicted events alone, less what is in the auth chain of some unconflicted event.
"""

from hs_core.matrix.identifiers import EventId
from hs_core.matrix.state_res.conflict import Conflict
from hs_core.matrix.state_res.event_pool import EventPool
from hs_core.matrix.state_res.requests import FetchAuthDifference, Steps, Walk

_FIRST_BATCH = 64


def fetch_auth_difference(conflict: Conflict) -> Steps[frozenset[EventId]]:
    """Have the caller find the auth difference."""
    reply = yield FetchAuthDifference(conflict)
    assert isinstance(reply, frozenset), "FetchAuthDifference is answered with a set of event IDs"
    return reply


def walk_auth_difference(conflict: Conflict) -> Walk[frozenset[EventId]]:
    """Find the auth difference by walking along `auth_events`."""
    pool = EventPool()
    candidates = yield from _difference_of_branches(pool, conflict)
    return (yield from _outside_unconflicted_chains(pool, conflict, candidates))


def _difference_of_branches(pool: EventPool, conflict: Conflict) -> Walk[set[EventId]]:
    """What is in the auth chains of some branches but not in those of all; besides, perhaps, what is in the auth chain
    of an unconflicted event: nothing below such an event can be in the difference, so it is not walked.

    For each event, the bits of a number say from which branches it was reached.
    """
    unconflicted = frozenset(conflict.unconflicted.values())
    reached: dict[EventId, int] = {}
    frontier: dict[EventId, int] = {}
    for index, branch in enumerate(conflict.branches):
        for event_id in branch.values():
            frontier[event_id] = frontier.get(event_id, 0) | 1 << index
    while frontier:
        yield from pool.load(frontier)
        below: dict[EventId, int] = {}
        for event in pool.known(frontier):
            bits = frontier[event.event_id]
            for event_id in event.auth_events:
                new = bits & ~reached.get(event_id, 0)
                if new:
                    reached[event_id] = reached.get(event_id, 0) | new
                    if event_id not in unconflicted:
                        below[event_id] = below.get(event_id, 0) | new
        frontier = below
    everywhere = (1 << len(conflict.branches)) - 1
    return {event_id for event_id, bits in reached.items() if bits != everywhere}


def _outside_unconflicted_chains(
    pool: EventPool, conflict: Conflict, candidates: set[EventId]
) -> Walk[frozenset[EventId]]:
    """Those of the candidates that are in the auth chain of no unconflicted event.

    Batches grow, and end when no candidate is left, which is often soon: what many branches lack, such as the current
    power levels, authorised the events that entered the state last.
    """
    pending = list(conflict.unconflicted.values())
    seen = set(pending)
    size = _FIRST_BATCH
    while candidates and pending:
        batch = pending[-size:]
        del pending[-size:]
        size *= 2
        yield from pool.load(batch)
        cited = {event_id for event in pool.known(batch) for event_id in event.auth_events}
        candidates -= cited
        pending += cited - seen
        seen |= cited
    return frozenset(candidates)
