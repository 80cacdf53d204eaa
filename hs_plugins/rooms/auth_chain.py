"""Auth chains as persistent sets (docs/adr/0005): the auth events of an event, those of its auth events, and so on.

Each state event is stored with the set of its auth chain: a trie of `state_map` whose keys are `(event ID, "")`. Chains
grow out of one another and share almost all of their nodes, so that a union or a difference costs what differs.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import TypeAlias

from hs_core.matrix.event import Event, StateKey
from hs_core.matrix.identifiers import EventId
from hs_plugins.rooms import state_map
from hs_plugins.rooms.state_map import EMPTY, NewNodes, NodeHash, Nodes, Overlay
from hs_plugins.rooms.stored import StoredEvent

Chain: TypeAlias = NodeHash

PRESENT = EventId("")
"""What a set has at its members."""


def contains(nodes: Nodes, chain: Chain, event_id: EventId) -> bool:
    """Whether an event is in the chain."""
    return state_map.get(nodes, chain, (event_id, "")) is not None


def members(nodes: Nodes, chain: Chain) -> set[EventId]:
    """All events of the chain."""
    return {EventId(key[0]) for key, _ in state_map.items(nodes, chain)}


def union(nodes: Nodes, chains: Iterable[Chain], event_ids: Iterable[EventId] = ()) -> tuple[Chain, NewNodes]:
    """The events of all these chains and these besides, and the nodes that this made."""
    made: NewNodes = {}
    both = Overlay(made, nodes)
    whole = EMPTY
    for chain in dict.fromkeys(chains):
        whole, new = state_map.union(both, whole, chain)
        made.update(new)
    entries: dict[StateKey, EventId | None] = {(event_id, ""): PRESENT for event_id in event_ids}
    whole, new = state_map.change(both, whole, entries)
    made.update(new)
    return whole, state_map.reachable(made, whole)


def differing(nodes: Nodes, chains: Collection[Chain]) -> set[EventId]:
    """The events that are in one of these chains, but not in all."""
    first, *others = chains
    return {EventId(key[0]) for chain in others for key in state_map.difference(nodes, first, chain)}


def chain_of(nodes: Nodes, event: Event, known: Mapping[EventId, StoredEvent]) -> tuple[Chain, NewNodes]:
    """The auth chain of an event whose auth events are among the known ones, and the nodes that this made."""
    cited = [event_id for event_id in event.auth_events if event_id in known]
    return union(nodes, [known[event_id].auth_chain or EMPTY for event_id in cited], cited)
