"""How an event moves a room on: its forward extremities and, where branches are left or meet, its current state."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hs_core.matrix.event import Event, StateKey
from hs_core.matrix.identifiers import EventId
from hs_plugins.rooms import state_map
from hs_plugins.rooms.change import NewEvent, Standing
from hs_plugins.rooms.memory import Extremity
from hs_plugins.rooms.operation import Operation, content_json
from hs_plugins.rooms.resolution import Resolver
from hs_plugins.rooms.state_map import NodeHash
from hs_plugins.rooms.stored import StoredEvent

MAX_STEPS = 50
"""How far behind an event rejected and soft-failed events are followed, to see which extremities it comes after."""


async def continue_room(
    operation: Operation,
    resolver: Resolver,
    event: Event,
    before: NodeHash,
    after: NodeHash,
    *,
    becomes_newest: bool = True,
    **about: Any,
) -> None:
    """Add an accepted event to the room, which may become one of the newest, and resolve the current state anew.

    "The 'current state' of the room (i.e. the resolved state across all forward extremities)".
    """
    new = NewEvent(event, before, after, after, **about, **await _what_it_replaces(operation, event, before))
    operation.introduce(new)
    passed = await _passed(operation, event)
    operation.extremities = {tip: known for tip, known in operation.extremities.items() if tip not in passed}
    if becomes_newest:
        operation.extremities[event.event_id] = Extremity(event.depth, after)
    old = operation.state
    current = await resolver.resolve(operation, {tip.state_after for tip in operation.extremities.values()})
    # A redaction that waits for its event would have to stay unseen, but a change of the state must not.
    standing = new.standing if current == old else Standing.LIVE
    operation.store(replace(new, room_state=current, standing=standing))
    await move_state(operation, old, current)


async def move_state(operation: Operation, old: NodeHash, current: NodeHash) -> None:
    """Let another state be the room's current one. Costs what differs."""
    if old == current:
        return
    after = await operation.ask(lambda nodes: state_map.difference(nodes, old, current))
    before = await operation.ask(lambda nodes: {key: state_map.get(nodes, old, key) for key in after})
    events = await operation.load({event_id for event_id in (*after.values(), *before.values()) if event_id})
    operation.becomes_current(_events_of(after, events), _events_of(before, events), current)


def _events_of(
    ids: Mapping[StateKey, EventId | None], events: Mapping[EventId, StoredEvent]
) -> dict[StateKey, Event | None]:
    return {key: None if event_id is None else events[event_id].event for key, event_id in ids.items()}


async def _what_it_replaces(operation: Operation, event: Event, before: NodeHash) -> dict[str, Any]:
    """The state event that this one takes the place of, along its own branch."""
    if not event.is_state:
        return {}
    event_id = await operation.ask(lambda nodes: state_map.get(nodes, before, event.key))
    if event_id is None:
        return {}
    replaced = (await operation.load([event_id]))[event_id].event
    return {"replaces": event_id, "prev_content": content_json(replaced)}


async def _passed(operation: Operation, event: Event) -> set[EventId]:
    """The events that this one comes after: its `prev_events`, and those of the rejected and soft-failed among them.

    New events do not refer to such ones, so an extremity may be behind them.
    """
    passed: set[EventId] = set()
    frontier = set(event.prev_events)
    while frontier and len(passed) < MAX_STEPS:
        passed |= frontier
        if passed.issuperset(operation.extremities):
            break
        stored = await operation.load(frontier)
        aside = [one for one in stored.values() if one.rejected is not None or one.soft_failed]
        frontier = {event_id for one in aside for event_id in one.event.prev_events} - passed
    return passed
