"""States of rooms, by their roots."""

from collections.abc import Collection

from hs_core.db import Database
from hs_core.matrix.event import StateKey
from hs_core.matrix.identifiers import EventId, RoomId
from hs_plugins.rooms import state_map
from hs_plugins.rooms.event_cache import EventCache
from hs_plugins.rooms.state_map import EMPTY, MissingNodes, NodeHash, Nodes
from hs_plugins.rooms.state_nodes import StateNodes
from hs_plugins.rooms.stored import StateRoot, StoredEvent

_AT = """
    SELECT COALESCE(room_state, state_after) FROM events
    WHERE room_id = ? AND position IS NOT NULL AND position <= ? ORDER BY position DESC LIMIT 1
"""


class StoredStates:
    """`States` out of the table `state_nodes`, whose rows never change."""

    def __init__(self, db: Database, nodes: StateNodes, events: EventCache) -> None:
        self._db = db
        self._nodes = nodes
        self._events = events

    async def event(self, root: StateRoot, key: StateKey) -> StoredEvent | None:
        event_id = (await self.lookup(root, [key])).get(key)
        return (await self._events.load([event_id])).get(event_id) if event_id else None

    async def ids(self, root: StateRoot) -> dict[StateKey, EventId]:
        return await self._nodes.ask(lambda nodes: dict(state_map.items(nodes, root)))

    async def prepare(self, roots: Collection[StateRoot]) -> None:
        def walk_all(nodes: Nodes) -> None:
            missing: set[NodeHash] = set()
            for root in roots:
                try:
                    for _ in state_map.items(nodes, root):
                        pass
                except MissingNodes as absent:
                    missing |= absent.hashes
            if missing:
                raise MissingNodes(missing)

        await self._nodes.ask(walk_all)

    async def lookup(self, root: StateRoot, keys: Collection[StateKey]) -> dict[StateKey, EventId]:
        found = await self._nodes.ask(lambda nodes: [(key, state_map.get(nodes, root, key)) for key in keys])
        return {key: event_id for key, event_id in found if event_id is not None}

    async def difference(self, old: StateRoot | None, new: StateRoot) -> dict[StateKey, EventId | None]:
        return await self._nodes.ask(lambda nodes: state_map.difference(nodes, old or EMPTY, new))

    async def at(self, room_id: RoomId, position: int) -> StateRoot | None:
        root: StateRoot | None = await self._db.read(lambda tx: tx.value(_AT, (room_id, position)))
        return root
