"""Events and their order."""

from collections.abc import Collection, Sequence

from hs_core.db import Database, Row, Transaction
from hs_core.matrix.identifiers import EventId, RoomId, UserId
from hs_plugins.rooms.api import Bounds, Page, Place, Relation, Thread
from hs_plugins.rooms.event_cache import EventCache
from hs_plugins.rooms.reading.pages import Pages
from hs_plugins.rooms.reading.row_cache import RowCache
from hs_plugins.rooms.reading.visibility import Visibility
from hs_plugins.rooms.rows import EventRow
from hs_plugins.rooms.store import relations
from hs_plugins.rooms.store.events import COLUMNS, stored_event
from hs_plugins.rooms.store.stream import own_membership_ids, recent_ids
from hs_plugins.rooms.stored import StoredEvent

_EVENTS = f"""
    SELECT {COLUMNS} FROM events e JOIN rooms r ON r.room_id = e.room_id
    WHERE e.room_id = ? AND e.position IS NOT NULL
"""

_EARLIER = f"{_EVENTS} AND e.origin_server_ts <= ? ORDER BY e.origin_server_ts DESC, e.position DESC LIMIT 1"
_LATER = f"{_EVENTS} AND e.origin_server_ts >= ? ORDER BY e.origin_server_ts, e.position LIMIT 1"

_PLACE_AT = """
    SELECT depth, position FROM events
    WHERE room_id = ? AND position IS NOT NULL AND position <= ? ORDER BY position DESC LIMIT 1
"""
_PLACE_OF = "SELECT depth, position FROM events WHERE event_id = ? AND position IS NOT NULL"

_RELATED = """
    SELECT event_id, parent, rel_type, type, sender, depth, position FROM relations
    WHERE parent = ANY(?) ORDER BY depth, position LIMIT ?
"""
_RELATED_IN = """
    SELECT event_id, parent, rel_type, type, sender, depth, position FROM relations
    WHERE parent = ANY(?) AND rel_type = ANY(?) ORDER BY depth, position LIMIT ?
"""

FIRST = Place(-(2**63), -(2**63))
LAST = Place(2**63 - 1, 2**63 - 1)

MAX_RELATIONS = 5000
"""Relations that one answer takes into account."""


class StoredTimelines:
    """`Timelines` out of the tables `events` and `relations`."""

    def __init__(self, db: Database, events: EventCache, rows: RowCache, pages: Pages, visibility: Visibility) -> None:
        self._db = db
        self._events = events
        self._pages = pages
        self._rows = rows
        self._visibility = visibility

    async def events(self, event_ids: Collection[EventId]) -> dict[EventId, StoredEvent]:
        return await self._events.load(event_ids) if event_ids else {}

    async def rows(self, event_ids: Collection[EventId]) -> dict[EventId, EventRow]:
        return await self._rows.load(event_ids) if event_ids else {}

    async def recent(
        self, room_ids: Collection[RoomId], after: int, up_to: int, limit: int
    ) -> dict[RoomId, list[tuple[int, EventRow]]]:
        if not room_ids:
            return {}
        rows = len(room_ids) * limit
        found = await self._db.read(lambda tx: recent_ids(tx, room_ids, after, up_to, limit), rows=rows)
        return await self._by_room(found)

    async def own_memberships(
        self, user_id: UserId, room_ids: Collection[RoomId], after: int, up_to: int
    ) -> dict[RoomId, list[tuple[int, EventRow]]]:
        if not room_ids:
            return {}
        return await self._by_room(
            await self._db.read(lambda tx: own_membership_ids(tx, user_id, room_ids, after, up_to))
        )

    async def page(
        self, room_id: RoomId, start: Place, *, backwards: bool, limit: int, stop: Place | None = None
    ) -> Page:
        return await self._pages.page(room_id, Bounds(start, stop or (FIRST if backwards else LAST), backwards, limit))

    async def place_at(self, room_id: RoomId, position: int) -> Place:
        row = await self._db.read(lambda tx: tx.one(_PLACE_AT, (room_id, position)))
        return Place(*row) if row else FIRST

    async def place_of(self, event_id: EventId) -> Place | None:
        row = await self._db.read(lambda tx: tx.one(_PLACE_OF, (event_id,)))
        return Place(*row) if row else None

    async def visible(self, user_id: UserId, events: Sequence[StoredEvent], *, joined: bool = False) -> list[bool]:
        return await self._visibility.of(user_id, events, joined=joined)

    async def closest(self, room_id: RoomId, timestamp: int, *, backwards: bool) -> StoredEvent | None:
        sql = _EARLIER if backwards else _LATER
        row = await self._db.read(lambda tx: tx.one(sql, (room_id, timestamp)))
        return stored_event(row) if row else None

    async def related(self, parents: Collection[EventId], rel_types: Collection[str] = ()) -> list[Relation]:
        def read(tx: Transaction) -> list[Relation]:
            if rel_types:
                rows = tx.all(_RELATED_IN, (list(parents), list(rel_types), MAX_RELATIONS))
            else:
                rows = tx.all(_RELATED, (list(parents), MAX_RELATIONS))
            return [_relation(row) for row in rows]

        return await self._db.read(read) if parents else []

    async def _by_room(self, found: Sequence[tuple[RoomId, int, EventId]]) -> dict[RoomId, list[tuple[int, EventRow]]]:
        rows = await self._rows.load([event_id for _, _, event_id in found])
        by_room: dict[RoomId, list[tuple[int, EventRow]]] = {}
        for room_id, position, event_id in found:
            by_room.setdefault(room_id, []).append((position, rows[event_id]))
        return by_room

    async def children(
        self,
        room_id: RoomId,
        parent: EventId,
        bounds: Bounds,
        *,
        rel_type: str | None = None,
        event_type: str | None = None,
    ) -> list[Relation]:
        rows = await self._db.read(
            lambda tx: relations.children(tx, room_id, parent, bounds, rel_type=rel_type, event_type=event_type)
        )
        return [_relation(row) for row in rows]

    async def threads(
        self, room_id: RoomId, start: Place, limit: int, *, participant: UserId | None = None
    ) -> list[Thread]:
        rows = await self._db.read(lambda tx: relations.threads(tx, room_id, start, limit, participant))
        return [Thread(root, place) for root, place in rows]


def _relation(row: Row) -> Relation:
    event_id, parent, rel_type, event_type, sender, depth, position = row
    return Relation(event_id, parent, rel_type, event_type, sender, Place(depth, position))
