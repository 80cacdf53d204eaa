"""Stored events by ID, most of them from memory."""

from collections.abc import Collection
from functools import partial

from hs_core.cache import LRU
from hs_core.db import Database
from hs_core.matrix.identifiers import EventId
from hs_plugins.rooms.store.events import load_events
from hs_plugins.rooms.stored import StoredEvent

CACHE_EVENTS = 20_000


class EventCache:
    """What the database says about events. An entry changes only when its event is redacted: then it is forgotten."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._events: LRU[EventId, StoredEvent] = LRU(CACHE_EVENTS)

    def known(self, event_id: EventId) -> StoredEvent | None:
        """The event, if it is in memory."""
        return self._events.get(event_id)

    async def load(self, event_ids: Collection[EventId]) -> dict[EventId, StoredEvent]:
        """Those of the events that exist, in one read at the most."""
        found = {event_id: event for event_id in event_ids if (event := self._events.get(event_id)) is not None}
        if absent := [event_id for event_id in event_ids if event_id not in found]:
            loaded = await self._db.read(partial(load_events, event_ids=absent))
            for event_id, event in loaded.items():
                self._events[event_id] = event
            found.update(loaded)
        return found

    def remember(self, event: StoredEvent) -> None:
        """An event that is about to be stored."""
        self._events[event.event.event_id] = event

    def forget(self, event_id: EventId) -> None:
        """The event was redacted or purged."""
        self._events.pop(event_id)
