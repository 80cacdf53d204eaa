"""One state of a room, with the events that rules ask for in memory."""

from collections.abc import Callable, Collection, Mapping
from typing import Protocol, TypeVar

from hs_core.cache import LRU
from hs_core.matrix.event import Event, StateKey
from hs_core.matrix.identifiers import EventId
from hs_plugins.rooms import state_map
from hs_plugins.rooms.state_map import NodeHash, Nodes
from hs_plugins.rooms.stored import StoredEvent

T = TypeVar("T")

VIEW_ENTRIES = 2000
"""Entries of one view: the room's rules, and the members who talk."""


class NodeSource(Protocol):
    """Where the nodes of states come from."""

    async def ask(self, question: Callable[[Nodes], T]) -> T: ...


class EventSource(Protocol):
    """Where events come from."""

    async def load(self, event_ids: Collection[EventId]) -> dict[EventId, StoredEvent]: ...


class StateView:
    """Look up current events without waiting, once they have been prepared."""

    def __init__(self, root: NodeHash, nodes: NodeSource, events: EventSource) -> None:
        self.root = root
        self._nodes = nodes
        self._events = events
        self._current: LRU[StateKey, tuple[Event | None]] = LRU(VIEW_ENTRIES)

    async def prepare(self, keys: Collection[StateKey]) -> None:
        """Bring what is current for these keys into memory."""
        unknown = [key for key in keys if self._current.get(key) is None]
        if not unknown:
            return
        root = self.root
        ids = await self._nodes.ask(lambda nodes: {key: state_map.get(nodes, root, key) for key in unknown})
        events = await self._events.load([event_id for event_id in ids.values() if event_id])
        for key, event_id in ids.items():
            self._current[key] = (events[event_id].event if event_id else None,)

    def get(self, key: StateKey) -> Event | None:
        """The event that is current for a key that was prepared. Raises `KeyError` if it was not."""
        return self._current[key][0]

    def moved(self, root: NodeHash, changes: Mapping[StateKey, Event | None]) -> None:
        """The state is another one now, with these differences."""
        self.root = root
        for key, event in changes.items():
            self._current[key] = (event,)

    def redacted(self, event: Event) -> None:
        """An event that may be current has lost its content."""
        if event.state_key is not None and event.key in self._current:
            current = self._current[event.key][0]
            if current is not None and current.event_id == event.event_id:
                self._current[event.key] = (event,)

    async def event_id(self, key: StateKey) -> EventId | None:
        """The ID of the event that is current for a key."""
        root = self.root
        return await self._nodes.ask(lambda nodes: state_map.get(nodes, root, key))
