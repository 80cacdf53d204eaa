"""Bundled aggregations (client-server API, "Aggregations of child events").

The caller loads the children that the reader may see; redacted ones no longer have a relation and drop out by
themselves. Annotations "are *not* aggregated by the server".
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any

import msgspec

from hs_core.matrix.event import Event
from hs_core.matrix.identifiers import EventId, UserId
from hs_core.matrix.relations import REFERENCE, REPLACE, THREAD, is_valid_replacement, is_valid_thread_root, relation_of


class ThreadSummary(msgspec.Struct, frozen=True):
    """Server-side aggregation of `m.thread` relationships."""

    latest_event: Event
    """The last by topological order."""
    count: int
    current_user_participated: bool


class Aggregations(msgspec.Struct, frozen=True):
    """What `m.relations` tells one reader about the children of an event."""

    replacement: Event | None = None
    """The most recent valid one."""
    references: tuple[EventId, ...] = ()
    thread: ThreadSummary | None = None

    def to_json(self, serialise: Callable[[Event], Any]) -> dict[str, Any] | None:
        """`m.relations`, if there is anything to tell.

        Args:
            serialise: an event for the same reader. That of the latest event of a thread should have its own
                aggregations; there is no loop, since a thread's root has no relation.
        """
        relations: dict[str, Any] = {}
        if self.references:
            relations[REFERENCE] = {"chunk": [{"event_id": event_id} for event_id in self.references]}
        if self.replacement is not None:
            relations[REPLACE] = serialise(self.replacement)
        if self.thread is not None:
            relations[THREAD] = {
                "latest_event": serialise(self.thread.latest_event),
                "count": self.thread.count,
                "current_user_participated": self.thread.current_user_participated,
            }
        return relations or None


def aggregate(
    parent: Event,
    children: Iterable[Event],
    reader: UserId,
    *,
    ignored: Collection[UserId] = (),
    parent_is_redacted: bool = False,
) -> Aggregations:
    """What a reader is told about the children of `parent`.

    Args:
        children: in topological order, oldest first. Those of other parents or of other rooms are left out.
        ignored: "servers must additionally ensure they do not consider child events from ignored users".
    """
    # "State events do not currently receive bundled aggregations."
    if parent.is_state:
        return Aggregations()
    considered = [child for child in children if child.sender not in ignored and child.room_id == parent.room_id]
    return Aggregations(
        # "If the original event is redacted, any `m.replace` relationship should **not** be bundled with it".
        replacement=None if parent_is_redacted else latest_replacement(parent, considered),
        references=tuple(child.event_id for child in considered if _relates(child, REFERENCE, parent)),
        thread=summarise_thread(parent, considered, reader),
    )


def latest_replacement(original: Event, candidates: Iterable[Event]) -> Event | None:
    """The most recent valid replacement ("Server-side aggregation of `m.replace` relationships").

    "The most recent event is determined by comparing `origin_server_ts`; if two or more replacement events have
    identical `origin_server_ts`, the event with the lexicographically largest `event_id` is treated as more recent."
    """
    valid = (event for event in candidates if is_valid_replacement(event, original))
    return max(valid, key=lambda event: (event.origin_server_ts, event.event_id), default=None)


def summarise_thread(root: Event, children: Iterable[Event], reader: UserId) -> ThreadSummary | None:
    """The thread that starts at `root`, if there is one.

    Args:
        children: events by users whom the reader does not ignore, in topological order, oldest first.
    """
    if not is_valid_thread_root(root):
        return None
    threaded = [child for child in children if _relates(child, THREAD, root)]
    if not threaded:
        return None
    participated = root.sender == reader or any(event.sender == reader for event in threaded)
    return ThreadSummary(threaded[-1], len(threaded), participated)


def _relates(child: Event, rel_type: str, parent: Event) -> bool:
    relation = relation_of(child.content)
    return relation is not None and (relation.rel_type, relation.event_id) == (rel_type, parent.event_id)
