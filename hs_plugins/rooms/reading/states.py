"""States of rooms, by their roots."""

from collections.abc import Collection
from typing import NamedTuple

from hs_core.cache import LRU
from hs_core.db import Database
from hs_core.matrix.event import StateKey, StateMap
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

CACHE_ENTRIES = 100_000
"""Entries of whole states that are in memory, ready to be listed again."""


class _Listed(NamedTuple):
    """A state that is in memory."""

    whole: StateMap
    besides_members: StateMap

    @classmethod
    def of(cls, whole: StateMap) -> "_Listed":
        return cls(whole, {key: event_id for key, event_id in whole.items() if key[0] != "m.room.member"})

    @property
    def weight(self) -> int:
        return 1 + len(self.whole) + len(self.besides_members)


class StoredStates:
    """`States` out of the table `state_nodes`, whose rows never change."""

    def __init__(self, db: Database, nodes: StateNodes, events: EventCache) -> None:
        self._db = db
        self._nodes = nodes
        self._events = events
        self.cache: LRU[StateRoot, _Listed] = LRU(CACHE_ENTRIES, lambda state: state.weight)

    async def event(self, root: StateRoot, key: StateKey) -> StoredEvent | None:
        event_id = (await self.lookup(root, [key])).get(key)
        return (await self._events.load([event_id])).get(event_id) if event_id else None

    async def ids(self, root: StateRoot) -> StateMap:
        return (await self._list(root)).whole

    async def besides_members(self, root: StateRoot) -> StateMap:
        return (await self._list(root)).besides_members

    async def prepare(self, roots: Collection[StateRoot]) -> None:
        unknown = [root for root in roots if root not in self.cache]

        def read_all(nodes: Nodes) -> dict[StateRoot, StateMap]:
            states: dict[StateRoot, StateMap] = {}
            missing: set[NodeHash] = set()
            for root in unknown:
                try:
                    states[root] = dict(state_map.items(nodes, root))
                except MissingNodes as absent:
                    missing |= absent.hashes
            if missing:
                raise MissingNodes(missing)
            return states

        if unknown:
            for root, state in (await self._nodes.ask(read_all)).items():
                self.cache[root] = _Listed.of(state)

    async def _list(self, root: StateRoot) -> _Listed:
        await self.prepare([root])
        return self.cache[root]

    async def lookup(self, root: StateRoot, keys: Collection[StateKey]) -> dict[StateKey, EventId]:
        if root in self.cache:
            whole = self.cache[root].whole
            return {key: whole[key] for key in keys if key in whole}
        found = await self._nodes.ask(lambda nodes: [(key, state_map.get(nodes, root, key)) for key in keys])
        return {key: event_id for key, event_id in found if event_id is not None}

    async def difference(self, old: StateRoot | None, new: StateRoot) -> dict[StateKey, EventId | None]:
        return await self._nodes.ask(lambda nodes: state_map.difference(nodes, old or EMPTY, new))

    async def at(self, room_id: RoomId, position: int) -> StateRoot | None:
        root: StateRoot | None = await self._db.read(lambda tx: tx.value(_AT, (room_id, position)))
        return root
