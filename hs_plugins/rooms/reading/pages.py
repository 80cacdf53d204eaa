"""Pages of a room's timeline: which events they have is read, the events themselves come from memory where they are."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from hs_core.db import Database, Transaction
from hs_core.matrix.identifiers import EventId, RoomId
from hs_plugins.rooms.api import Bounds, Page, Place
from hs_plugins.rooms.event_cache import EventCache
from hs_plugins.rooms.store.events import load_events
from hs_plugins.rooms.stored import StoredEvent

T = TypeVar("T")

_EVENTS = """
    SELECT e.event_id, e.redacted_by,
           EXISTS (SELECT 1 FROM relations c WHERE c.parent = e.event_id AND c.room_id = e.room_id)
    FROM events e WHERE e.room_id = ? AND e.position IS NOT NULL
"""
_BACKWARDS = f"""{_EVENTS} AND (e.depth, e.position) <= (?, ?) AND (e.depth, e.position) > (?, ?)
    ORDER BY e.depth DESC, e.position DESC LIMIT ?"""
_FORWARDS = f"""{_EVENTS} AND (e.depth, e.position) > (?, ?) AND (e.depth, e.position) <= (?, ?)
    ORDER BY e.depth, e.position LIMIT ?"""


@dataclass(frozen=True, slots=True)
class _Read:
    """What one transaction found of a page."""

    events: list[StoredEvent]
    parents: frozenset[EventId]
    more: bool


class Pages:
    """Reads pages, alone or in one transaction with what decides whether they may be read."""

    def __init__(self, db: Database, events: EventCache) -> None:
        self._db = db
        self._events = events

    async def page(self, room_id: RoomId, bounds: Bounds) -> Page:
        """One page; `bounds` are where it begins and stops, and how long it may be."""
        page, _ = await self.page_if(lambda _: (True, None), room_id, bounds)
        assert page is not None
        return page

    async def page_if(
        self, ask: Callable[[Transaction], tuple[bool, T]], room_id: RoomId, bounds: Bounds
    ) -> tuple[Page | None, T]:
        """The page, if `ask` says so in the same transaction, and whatever else `ask` found."""
        generation = await self._events.before_reading()

        def read(tx: Transaction) -> tuple[_Read | None, T]:
            wanted, answer = ask(tx)
            return (self._read(tx, room_id, bounds) if wanted else None), answer

        found, answer = await self._db.read(read)
        if found is None:
            return None, answer
        self._events.learn(found.events, generation)
        return Page(found.events, _end(found, bounds), found.parents), answer

    def _read(self, tx: Transaction, room_id: RoomId, bounds: Bounds) -> _Read:
        start, stop, limit = bounds.start, bounds.stop, bounds.limit
        within = (room_id, start.depth, start.position, stop.depth, stop.position, limit + 1)
        rows = tx.all(_BACKWARDS if bounds.backwards else _FORWARDS, within)
        known: dict[EventId, StoredEvent] = {}
        for event_id, redacted_by, _ in rows[:limit]:
            event = self._events.glimpse(event_id)
            if event is not None and event.redacted_by == redacted_by:
                known[event_id] = event
        if absent := [row[0] for row in rows[:limit] if row[0] not in known]:
            known.update(load_events(tx, absent))
        events = [known[event_id] for event_id, _, _ in rows[:limit]]
        parents = frozenset(event_id for event_id, _, is_parent in rows[:limit] if is_parent)
        return _Read(events, parents, len(rows) > limit)


def _end(found: _Read, bounds: Bounds) -> Place | None:
    if not found.more:
        return None
    if not found.events:
        return bounds.start
    last = found.events[-1]
    assert last.position is not None
    # Backwards the page ends before its last event, which is after whatever comes earlier.
    return Place(last.event.depth, last.position - 1 if bounds.backwards else last.position)
