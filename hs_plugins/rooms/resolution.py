"""State resolution over stored states: the requests of `hs_core.matrix.state_res` answered from memory and database.

Two states of a large room differ in little. What they share is neither read nor counted: the conflict is found by
comparing tries, the unconflicted state map is looked up key by key, and auth chains are compared as sets.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TypeAlias

from hs_core.cache import LRU
from hs_core.db import Database
from hs_core.matrix.auth import auth_event_keys
from hs_core.matrix.auth.state import CREATE, POWER_LEVELS
from hs_core.matrix.event import Event, StateKey
from hs_core.matrix.identifiers import EventId
from hs_core.matrix.state_res import (
    Conflict,
    FetchAuthDifference,
    FetchedEvents,
    FetchEvents,
    Reply,
    Request,
    resolve_conflict,
)
from hs_plugins.rooms import state_map
from hs_plugins.rooms.auth_index import AuthIndex
from hs_plugins.rooms.commit import Committer
from hs_plugins.rooms.operation import Operation
from hs_plugins.rooms.state_map import NewNodes, NodeHash

REMEMBERED = 2000
"""Resolutions whose results are kept."""

_Branches: TypeAlias = tuple[dict[StateKey, EventId], ...]


class Resolver:
    """Finds the one state that several come to."""

    def __init__(self, db: Database, committer: Committer) -> None:
        self._index = AuthIndex(db, committer)
        self._known: LRU[tuple[str, frozenset[NodeHash]], tuple[NodeHash, NewNodes]] = LRU(REMEMBERED)

    async def resolve(self, operation: Operation, roots: Collection[NodeHash]) -> NodeHash:
        """The resolution of the room's states with these roots. No states resolve to the empty state."""
        different = frozenset(roots)
        if len(different) < 2:
            return next(iter(different), state_map.EMPTY)
        key = (operation.memory.version.identifier, different)
        known = self._known.get(key)
        if known is None:
            # Any order gives the same state; a fixed one makes failures repeatable.
            known = self._known[key] = await self._resolve(operation, sorted(different))
        root, made = known
        # Whether an operation that resolved the same before was committed is not known, so each stores the result.
        operation.change.nodes.update(made)
        return root

    async def _resolve(self, operation: Operation, roots: list[NodeHash]) -> tuple[NodeHash, NewNodes]:
        branches = await operation.ask(lambda nodes: _branches(nodes, roots))
        keys = {key for branch in branches for key in branch}
        unconflicted = SharedState(operation, roots[0], keys)
        await unconflicted.prepare([CREATE, POWER_LEVELS])
        resolved = await self._run(operation, Conflict(unconflicted, branches), unconflicted)
        changes = {key: resolved.get(key) for key in keys | resolved.keys()}
        return await operation.ask(lambda nodes: state_map.change(nodes, roots[0], changes))

    async def _run(
        self, operation: Operation, conflict: Conflict, unconflicted: "SharedState"
    ) -> dict[StateKey, EventId]:
        steps = resolve_conflict(operation.memory.version, conflict)
        reply: Reply | None = None
        while True:
            try:
                request: Request = next(steps) if reply is None else steps.send(reply)
            except StopIteration as finished:
                result: dict[StateKey, EventId] = finished.value
                return result
            if isinstance(request, FetchEvents):
                reply = await _fetch(operation, request.ids, unconflicted)
            elif isinstance(request, FetchAuthDifference):
                reply = await self._index.difference(operation, request.conflict.branches, unconflicted)
            else:
                reply = await self._index.subgraph(operation, request.conflicted)


class SharedState(Mapping[StateKey, EventId]):
    """The unconflicted state map of a conflict: an entry is there once it has been prepared.

    State resolution asks it for keys of events that it was given, and of what authorises those. It is not to be
    iterated over: that would cost the whole state.
    """

    def __init__(self, operation: Operation, root: NodeHash, conflicted: Collection[StateKey]) -> None:
        self._operation = operation
        self._root = root
        self._conflicted = conflicted
        self._entries: dict[StateKey, EventId | None] = {}

    async def prepare(self, keys: Iterable[StateKey]) -> None:
        """Bring these entries into memory, if there are such."""
        unknown = [key for key in keys if key not in self._entries and key not in self._conflicted]
        if unknown:
            root = self._root
            self._entries |= await self._operation.ask(
                lambda nodes: {key: state_map.get(nodes, root, key) for key in unknown}
            )

    def has(self, event: Event) -> bool:
        """Whether an event whose key was prepared is in the unconflicted state map."""
        return event.is_state and self.get(event.key) == event.event_id

    def __getitem__(self, key: StateKey) -> EventId:
        event_id = self._entries.get(key)
        if event_id is None:
            raise KeyError(key)
        return event_id

    def __iter__(self) -> Iterator[StateKey]:
        raise TypeError("the unconflicted state of a room is not to be enumerated")

    def __len__(self) -> int:
        raise TypeError("the unconflicted state of a room is not to be counted")


def _branches(nodes: state_map.Nodes, roots: list[NodeHash]) -> _Branches:
    """What each state has where not all agree."""
    first, *others = roots
    keys = {key for other in others for key in state_map.difference(nodes, first, other)}
    return tuple(
        {key: event_id for key in keys if (event_id := state_map.get(nodes, root, key)) is not None} for root in roots
    )


async def _fetch(operation: Operation, event_ids: Collection[EventId], unconflicted: SharedState) -> FetchedEvents:
    """Events, and in memory what the unconflicted state has where they are or what may authorise them."""
    known = await operation.load(event_ids)
    events = {event_id: stored.event for event_id, stored in known.items()}
    await unconflicted.prepare({key for event in events.values() for key in _keys(event)})
    rejected = frozenset(event_id for event_id, stored in known.items() if stored.rejected is not None)
    return FetchedEvents(events, rejected)


def _keys(event: Event) -> list[StateKey]:
    own = [event.key] if event.is_state else []
    return own + auth_event_keys(event, event.room_version)
