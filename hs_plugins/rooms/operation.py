"""One operation on a room while it is being made: nobody sees it until it is whole."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from hs_core.matrix.auth import AuthState
from hs_core.matrix.canonical_json import encode_json
from hs_core.matrix.event import Event, StateKey
from hs_core.matrix.identifiers import EventId, UserId
from hs_plugins.rooms import auth_chain, state_map
from hs_plugins.rooms.change import MemberChange, NewEvent, RoomChange
from hs_plugins.rooms.event_cache import EventCache
from hs_plugins.rooms.memory import Extremity, RoomMemory
from hs_plugins.rooms.state_map import NodeHash, Nodes, Overlay
from hs_plugins.rooms.state_nodes import StateNodes
from hs_plugins.rooms.stored import StoredEvent
from hs_plugins.rooms.view import StateView

T = TypeVar("T")


class Operation:
    """A scratch copy of a room, to which events are added one after the other."""

    def __init__(self, memory: RoomMemory, nodes: StateNodes, events: EventCache) -> None:
        self.memory = memory
        self.change = RoomChange(memory.room_id)
        self.extremities = dict(memory.extremities)
        self.state = memory.state
        self.auth = memory.auth
        """The current state as the authorisation rules see it."""
        self._nodes = nodes
        self._events = events
        self._own: dict[EventId, StoredEvent] = {}
        self._changed: dict[StateKey, Event | None] = {}
        self._redacted: list[Event] = []

    # What is known, this operation's own doings included.

    async def ask(self, question: Callable[[Nodes], T]) -> T:
        """Run a function of `state_map` or `auth_chain`, over stored nodes and those that this operation made."""
        made = self.change.nodes
        return await self._nodes.ask(lambda nodes: question(Overlay(made, nodes) if made else nodes))

    async def load(self, event_ids: Collection[EventId]) -> dict[EventId, StoredEvent]:
        """Those of the events that are known."""
        own = {event_id: self._own[event_id] for event_id in event_ids if event_id in self._own}
        others = [event_id for event_id in event_ids if event_id not in own]
        return {**own, **await self._events.load(others)} if others else own

    async def prepare(self, keys: Collection[StateKey]) -> None:
        """Bring what is current for these keys into memory, so that `get` answers."""
        await self.memory.view.prepare([key for key in keys if key not in self._changed])

    def get(self, key: StateKey) -> Event | None:
        """The event that is current for a prepared key."""
        return self._changed[key] if key in self._changed else self.memory.view.get(key)

    def view_of(self, root: NodeHash) -> StateView:
        """Another state of the room, to look events up in."""
        return StateView(root, self, self)

    # What is being done.

    async def with_entry(self, root: NodeHash, event: Event) -> NodeHash:
        """The state after a state event, from the state before it."""
        return await self.change_state(root, {event.key: event.event_id})

    async def change_state(self, root: NodeHash, changes: Mapping[StateKey, EventId | None]) -> NodeHash:
        """A state with some entries changed. The nodes that this makes will be stored with the operation."""
        changed, made = await self.ask(lambda nodes: state_map.change(nodes, root, changes))
        self.change.nodes.update(made)
        return changed

    async def chain_of(self, event: Event) -> NodeHash | None:
        """The set of a state event's auth chain, to be stored with it. Its auth events are known."""
        if not event.is_state:
            return None
        cited = await self.load(event.auth_events)
        chain, made = await self.ask(lambda nodes: auth_chain.chain_of(nodes, event, cited))
        self.change.nodes.update(made)
        return chain

    def add(self, event: Event, state_before: NodeHash, state_after: NodeHash, **about: Any) -> NewEvent:
        """Append an event that continues the room from its current state, and becomes its only newest event."""
        replaced = self.get(event.key) if event.is_state else None
        new = NewEvent(
            event,
            state_before,
            state_after,
            state_after,
            replaces=replaced.event_id if replaced else None,
            prev_content=content_json(replaced),
            **about,
        )
        self.store(new)
        self.extremities = {event.event_id: Extremity(event.depth, state_after)}
        if event.is_state:
            self.becomes_current({event.key: event}, {event.key: replaced}, state_after)
        return new

    def introduce(self, new: NewEvent) -> None:
        """Let `load` know an event before all is known that will be stored with it."""
        self._own[new.event.event_id] = new.as_stored()

    def store(self, new: NewEvent) -> None:
        """Append an event, wherever it stands."""
        self.change.events.append(new)
        self.introduce(new)

    def becomes_current(
        self, changes: Mapping[StateKey, Event | None], before: Mapping[StateKey, Event | None], state: NodeHash
    ) -> None:
        """The room's current state changes from `before` to `changes` in these keys."""
        self.state = self.change.state = state
        self._changed.update(changes)
        self.auth = AuthState(self.get)
        for key, event in changes.items():
            if key[0] == "m.room.member":
                self.change.members.append(_member_change(key[1], before[key], event))

    def redacted(self, remains: Event) -> None:
        """An event has lost its content; it may be a current one."""
        if remains.state_key is not None:
            current = self._changed.get(remains.key)
            if current is not None and current.event_id == remains.event_id:
                self._changed[remains.key] = remains
        self._redacted.append(remains)

    def finish(self) -> RoomChange:
        """What is to be written, now that all is said."""
        old, new = set(self.memory.extremities), set(self.extremities)
        self.change.old_extremities = old - new
        self.change.new_extremities = new - old
        return self.change

    def apply(self) -> None:
        """Make the room's memory what this operation made of it."""
        memory = self.memory
        memory.extremities = self.extremities
        memory.view.moved(self.state, self._changed)
        for event in self._redacted:
            memory.view.redacted(event)
        self._nodes.hold(self.change.nodes)
        for stored in self._own.values():
            self._events.remember(stored)


def content_json(event: Event | None) -> bytes | None:
    """The JSON of the content that an event replaced."""
    return None if event is None else encode_json(event.content)


def _member_change(user_id: str, before: Event | None, after: Event | None) -> MemberChange:
    event = after or before
    assert event is not None
    return MemberChange(UserId(user_id), _membership(before), _membership(after), event.event_id, event.sender)


def _membership(event: Event | None) -> str | None:
    membership = event.content.get("membership") if event else None
    return membership if isinstance(membership, str) else None
