"""The conflicted state subgraph (room version 12, "Conflicted state subgraph")."""

from typing import Final

from hs_core.matrix.identifiers import EventId
from hs_core.matrix.state_res.conflict import Conflict
from hs_core.matrix.state_res.event_pool import EventPool
from hs_core.matrix.state_res.requests import FetchConflictedSubgraph, Steps, Walk

_AUTHORISING_TYPES: Final = frozenset(
    {
        "m.room.create",
        "m.room.power_levels",
        "m.room.join_rules",
        "m.room.member",
        "m.room.third_party_invite",
    }
)
"""The "types of state events that affect authorisation": no event may name others in its `auth_events`."""


def fetch_conflicted_subgraph(conflict: Conflict) -> Steps[frozenset[EventId]]:
    """Have the caller find the subgraph between the events of the conflicted state set, if a path can end there."""
    conflicted = conflict.conflicted
    if _AUTHORISING_TYPES.isdisjoint(event_type for branch in conflict.branches for event_type, _ in branch):
        return conflicted
    reply = yield FetchConflictedSubgraph(conflicted)
    assert isinstance(reply, frozenset), "FetchConflictedSubgraph is answered with a set of event IDs"
    return conflicted | reply


def walk_conflicted_subgraph(conflicted: frozenset[EventId]) -> Walk[frozenset[EventId]]:
    """Find the subgraph: of all that is below the conflicted events, what is also above one of them."""
    cited_by = yield from _citations_below(conflicted)
    subgraph = set(conflicted)
    pending = list(conflicted)
    while pending:
        for event_id in cited_by.get(pending.pop(), ()):
            if event_id not in subgraph:
                subgraph.add(event_id)
                pending.append(event_id)
    return frozenset(subgraph)


def _citations_below(event_ids: frozenset[EventId]) -> Walk[dict[EventId, list[EventId]]]:
    """For every event in the auth chains of these, the events among them and their auth chains that cite it."""
    pool = EventPool()
    cited_by: dict[EventId, list[EventId]] = {}
    frontier = set(event_ids)
    seen = set(event_ids)
    while frontier:
        yield from pool.load(frontier)
        below: set[EventId] = set()
        for event in pool.known(frontier):
            for cited in event.auth_events:
                cited_by.setdefault(cited, []).append(event.event_id)
                below.add(cited)
        frontier = below - seen
        seen |= frontier
    return cited_by
