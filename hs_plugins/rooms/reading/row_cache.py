"""Rows of events by ID, most of them from memory: what is shown again and again is not made again."""

from collections.abc import Awaitable, Callable, Collection
from functools import partial

from hs_core.cache import LRU
from hs_core.db import Database
from hs_core.matrix.identifiers import EventId
from hs_plugins.rooms.rows import EventRow
from hs_plugins.rooms.store.stream import rows_by_id

CACHE_BYTES = 24 * 1024 * 1024
"""Of memory, roughly."""

_OVERHEAD = 1000
"""Bytes that a row takes besides the event's JSON."""


class RowCache:
    """What the stream said about events. An entry changes only when its event is redacted: then it is forgotten."""

    def __init__(self, db: Database, follow: Callable[[], Awaitable[None]]) -> None:
        """`follow` returns when redactions are heard of: before that nothing is remembered."""
        self._db = db
        self._follow = follow
        self.cache: LRU[EventId, EventRow] = LRU(CACHE_BYTES, _weight)
        self._forgotten = 0

    async def load(self, event_ids: Collection[EventId]) -> dict[EventId, EventRow]:
        """The rows of those events that exist, in one read at the most."""
        found = {event_id: row for event_id in event_ids if (row := self.cache.get(event_id)) is not None}
        if absent := [event_id for event_id in event_ids if event_id not in found]:
            await self._follow()
            forgotten = self._forgotten
            loaded = await self._db.read(partial(rows_by_id, event_ids=absent))
            if forgotten == self._forgotten:  # else what was read may be out of date already
                for event_id, row in loaded.items():
                    self.cache[event_id] = row
            found.update(loaded)
        return found

    def forget(self, event_id: EventId) -> None:
        """The event was redacted or purged."""
        self._forgotten += 1
        self.cache.pop(event_id)


def _weight(row: EventRow) -> int:
    return _OVERHEAD + len(row.client_json) + len(row.prev_content or b"")
