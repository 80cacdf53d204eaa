"""Where states disagree (room version 2, "Unconflicted state map and conflicted state set")."""

from collections.abc import Sequence

import msgspec

from hs_core.matrix.event import StateKey, StateMap
from hs_core.matrix.identifiers import EventId


class Conflict(msgspec.Struct, frozen=True, eq=False):
    """Several room states, divided into what they agree on and what they do not."""

    unconflicted: StateMap
    """The unconflicted state map: each key that every state has, with the same event."""
    branches: tuple[StateMap, ...]
    """What else each of the states has. Its keys are missing, or name another event, in some other state."""

    @property
    def conflicted(self) -> frozenset[EventId]:
        """The conflicted state set."""
        return frozenset(event_id for branch in self.branches for event_id in branch.values())

    def candidates(self) -> dict[StateKey, frozenset[EventId]]:
        """For each key that is not in the unconflicted state map, the events that some state has there."""
        candidates: dict[StateKey, set[EventId]] = {}
        for branch in self.branches:
            for key, event_id in branch.items():
                candidates.setdefault(key, set()).add(event_id)
        return {key: frozenset(event_ids) for key, event_ids in candidates.items()}


def find_conflict(state_sets: Sequence[StateMap]) -> Conflict:
    """Divide states, of which there is at least one. Between `dict`s, only what differs is looked at in Python."""
    first, *others = state_sets
    keys = {key for other in others for key, _ in first.items() ^ other.items()}
    unconflicted = dict(first)
    for key in keys:
        unconflicted.pop(key, None)
    branches = tuple({key: state[key] for key in keys if key in state} for state in state_sets)
    return Conflict(unconflicted, branches)
