"""A room as the graph that other servers ask about: what comes before an event, and what authorised it."""

from collections.abc import Collection
from heapq import heappop, heappush

from hs_core.db import Database
from hs_core.matrix.identifiers import EventId, RoomId
from hs_plugins.rooms import auth_chain
from hs_plugins.rooms.api import Gap
from hs_plugins.rooms.event_cache import EventCache
from hs_plugins.rooms.state_map import EMPTY, Nodes, Overlay
from hs_plugins.rooms.state_nodes import StateNodes
from hs_plugins.rooms.stored import StoredEvent

MAX_WALKED = 1000
"""Events that one walk looks at."""

_GAPS = """
    SELECT g.event_id, e.depth, g.missing FROM timeline_gaps g JOIN events e ON e.event_id = g.event_id
    WHERE g.room_id = ? AND e.depth <= ? ORDER BY e.depth DESC, g.event_id, g.missing LIMIT ?
"""


class StoredHistory:
    """`History` out of stored events and their chains."""

    def __init__(self, db: Database, nodes: StateNodes, events: EventCache) -> None:
        self._db = db
        self._nodes = nodes
        self._events = events

    async def preceding(
        self,
        room_id: RoomId,
        events: Collection[EventId],
        *,
        limit: int,
        stop: Collection[EventId] = (),
        min_depth: int = 0,
    ) -> list[StoredEvent]:
        seen = {*events, *stop}
        found: list[StoredEvent] = []
        walk: list[tuple[int, EventId, StoredEvent]] = []
        frontier = await self._events.load([one for one in events if one not in stop])
        while len(found) < limit and len(seen) < MAX_WALKED:
            before = {one for stored in frontier.values() for one in stored.event.prev_events} - seen
            seen |= before
            for event_id, stored in (await self._events.load(before)).items():
                if _is_history(stored, room_id) and stored.event.depth >= min_depth:
                    heappush(walk, (-stored.event.depth, event_id, stored))
            if not walk:
                break
            _, event_id, stored = heappop(walk)
            frontier = {event_id: stored}
            if stored.rejected is None:
                found.append(stored)
        return found

    async def auth_chain(self, event_ids: Collection[EventId]) -> set[EventId]:
        known = await self._events.load(event_ids)
        cited = {one for stored in known.values() if stored.auth_chain is None for one in stored.event.auth_events}
        authorising = await self._events.load(cited)
        chains = {stored.auth_chain or EMPTY for stored in (*known.values(), *authorising.values())}

        def collect(nodes: Nodes) -> set[EventId]:
            whole, made = auth_chain.union(nodes, chains, authorising)
            return auth_chain.members(Overlay(made, nodes), whole)

        return await self._nodes.ask(collect)

    async def gaps(self, room_id: RoomId, *, depth: int, limit: int) -> list[Gap]:
        rows = await self._db.read(lambda tx: tx.all(_GAPS, (room_id, depth, limit)))
        return [Gap(*row) for row in rows]


def _is_history(stored: StoredEvent, room_id: RoomId) -> bool:
    return stored.event.room_id == room_id and stored.state_before is not None
