"""Stored events by ID, most of them from memory."""

from collections.abc import Awaitable, Callable, Collection, Iterable
from functools import partial

import msgspec

from hs_core.cache import LRU
from hs_core.db import Database
from hs_core.matrix.identifiers import EventId
from hs_plugins.rooms.store.events import load_events
from hs_plugins.rooms.stored import StoredEvent


class EventCache:
    """What the database says about events. An entry changes only when its event is redacted: then it is forgotten."""

    def __init__(self, db: Database, capacity: int, follow: Callable[[], Awaitable[None]] | None = None) -> None:
        """`capacity` is how many events are remembered: some kilobytes each.

        `follow` returns when redactions are heard of: before that nothing is remembered.
        """
        self._db = db
        self._follow = follow
        self.cache: LRU[EventId, StoredEvent] = LRU(capacity)
        self._unsaved: dict[EventId, StoredEvent] = {}
        """Events on their way to the database, which cannot be read from there yet."""
        self.generation = 0
        """How often something was forgotten: what was read before may be out of date since."""

    async def load(self, event_ids: Collection[EventId]) -> dict[EventId, StoredEvent]:
        """Those of the events that exist, in one read at the most."""
        found = {event_id: event for event_id in event_ids if (event := self._known(event_id)) is not None}
        if absent := [event_id for event_id in event_ids if event_id not in found]:
            generation = await self.before_reading()
            loaded = await self._db.read(partial(load_events, event_ids=absent))
            self.learn(loaded.values(), generation)
            found.update(loaded)
        return found

    async def before_reading(self) -> int:
        """The generation to `learn` with what is read from now on."""
        if self._follow is not None:
            await self._follow()
        return self.generation

    def _known(self, event_id: EventId) -> StoredEvent | None:
        return self._unsaved.get(event_id) or self.cache.get(event_id)

    def glimpse(self, event_id: EventId) -> StoredEvent | None:
        """The event, if it is in memory and durable. From any thread; it does not count as used."""
        return self.cache.glimpse(event_id)

    def learn(self, events: Iterable[StoredEvent], generation: int) -> None:
        """Events that were read from the database when the cache was of this generation."""
        if generation == self.generation:
            for event in events:
                if event is not self.cache.get(event.event.event_id):
                    self.cache[event.event.event_id] = event

    def is_unsaved(self, event_id: EventId) -> bool:
        """Whether the event is known, but not durable yet."""
        return event_id in self._unsaved

    def remember(self, event: StoredEvent) -> None:
        """An event that is about to be stored: known from now on, until `saved` or `forget`."""
        self._unsaved[event.event.event_id] = event

    def saved(self, event_id: EventId, position: int | None) -> None:
        """The event has been stored, at this position of the timeline."""
        event = self._unsaved.pop(event_id, None) or self.cache.get(event_id)
        if event is not None:
            self.cache[event_id] = msgspec.structs.replace(event, position=position) if position else event

    def forget(self, event_ids: Iterable[EventId]) -> None:
        """The events were redacted or purged, or could not be stored."""
        self.generation += 1
        for event_id in event_ids:
            self._unsaved.pop(event_id, None)
            self.cache.pop(event_id)

    def forget_saved(self) -> None:
        """Other processes own rooms from now on that were ours, and may redact their events."""
        self.generation += 1
        self.cache.clear()
