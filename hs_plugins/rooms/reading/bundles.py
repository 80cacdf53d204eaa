"""Bundled aggregations: what is told along with an event about the events that relate to it.

Client-server API, "Aggregations of child events". The children that the reader may not see, or does not want to, are
not considered.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from hs_core.db import Database, Transaction
from hs_core.matrix.aggregations import Aggregations, ThreadSummary, aggregate
from hs_core.matrix.event import Event
from hs_core.matrix.identifiers import EventId, RoomId, UserId
from hs_core.matrix.relations import is_valid_thread_root
from hs_plugins.rooms.api import Reader
from hs_plugins.rooms.event_cache import EventCache
from hs_plugins.rooms.reading.visibility import Visibility
from hs_plugins.rooms.store import relations
from hs_plugins.rooms.stored import StoredEvent

LATEST_TRIED = 10
"""How many of the latest events of a thread are tried, to find one that the reader may see."""

MAX_CHILDREN = 2000
"""Edits of, and references to, the events of one page that are taken into account."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What is told about the children of one event, and those of them that are shown whole."""

    aggregations: Aggregations
    shown: Sequence[StoredEvent]


@dataclass(frozen=True, slots=True)
class _Children:
    """What the database says of the children of a page of events."""

    by_parent: Mapping[EventId, Sequence[EventId]]
    """Edits and references, oldest first."""
    threads: Mapping[EventId, Mapping[UserId, int]]
    latest: Mapping[EventId, Sequence[EventId]]
    """The latest events of each thread, the latest first."""

    def ids(self) -> set[EventId]:
        return {one for group in (*self.by_parent.values(), *self.latest.values()) for one in group}


class Bundles:
    """Makes bundles out of the table `relations`."""

    def __init__(self, db: Database, events: EventCache, visibility: Visibility) -> None:
        self._db = db
        self._events = events
        self._visibility = visibility

    async def of(
        self, reader: Reader, events: Sequence[StoredEvent], parents: Collection[EventId] | None = None
    ) -> dict[EventId, Bundle]:
        """For those events of one room that have children to tell of; if `parents` are given, no others have any."""
        senders = {
            one.event.event_id: one.event.sender
            for one in events
            if not one.event.is_state and (parents is None or one.event.event_id in parents)
        }
        if not senders:
            return {}
        children = await self._db.read(lambda tx: _children(tx, events[0].event.room_id, senders, reader))
        if not children.by_parent and not children.threads:
            return {}
        seen = await self._seen(reader, children)
        return {
            stored.event.event_id: bundle
            for stored in events
            if (bundle := _bundle(stored, children, seen, reader)) is not None
        }

    async def _seen(self, reader: Reader, children: _Children) -> dict[EventId, StoredEvent]:
        """Those of the children that the reader may see."""
        loaded = list((await self._events.load(children.ids())).values())
        visible = await self._visibility.of(reader.user_id, loaded)
        return {one.event.event_id: one for one, may_see in zip(loaded, visible, strict=True) if may_see}


def _children(tx: Transaction, room_id: RoomId, senders: Mapping[EventId, UserId], reader: Reader) -> _Children:
    by_parent: dict[EventId, list[EventId]] = {}
    parents = relations.parents(tx, room_id, senders)
    if not parents:  # as is true of most pages
        return _Children({}, {}, {})
    for parent, child, rel_type, sender in relations.edits_and_references(tx, room_id, parents, MAX_CHILDREN):
        # An edit of somebody else's event is none.
        if sender not in reader.ignored and (rel_type == "m.reference" or sender == senders[parent]):
            by_parent.setdefault(parent, []).append(child)
    threads = {
        root: wanted
        for root, counts in relations.thread_senders(tx, room_id, parents).items()
        if (wanted := {sender: count for sender, count in counts.items() if sender not in reader.ignored})
    }
    latest = {root: relations.latest_of_thread(tx, room_id, root, LATEST_TRIED) for root in threads}
    return _Children(by_parent, threads, latest)


def _bundle(
    parent: StoredEvent, children: _Children, seen: Mapping[EventId, StoredEvent], reader: Reader
) -> Bundle | None:
    event = parent.event
    related = [seen[child] for child in children.by_parent.get(event.event_id, ()) if child in seen]
    told = aggregate(
        event,
        [child.event for child in related],
        reader.user_id,
        ignored=reader.ignored,
        parent_is_redacted=parent.redacted_by is not None,
    )
    latest = _latest(event, children, seen, reader)
    if latest is not None:
        told = msgspec.structs.replace(told, thread=_thread(event, latest.event, children, reader.user_id))
    if told == Aggregations():
        return None
    replacement = [child for child in related if told.replacement is child.event]
    return Bundle(told, replacement if latest is None else [*replacement, latest])


def _latest(
    root: Event, children: _Children, seen: Mapping[EventId, StoredEvent], reader: Reader
) -> StoredEvent | None:
    if not is_valid_thread_root(root):
        return None
    candidates = (seen[one] for one in children.latest.get(root.event_id, ()) if one in seen)
    return next((one for one in candidates if one.event.sender not in reader.ignored), None)


def _thread(root: Event, latest: Event, children: _Children, reader: UserId) -> ThreadSummary:
    senders = children.threads[root.event_id]
    return ThreadSummary(latest, sum(senders.values()), reader == root.sender or reader in senders)
