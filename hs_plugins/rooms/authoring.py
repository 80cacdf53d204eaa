"""From what a local user wants to say to an event that continues the room."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hs_core.matrix.auth import AuthState, auth_event_keys, authorise
from hs_core.matrix.auth.state import CREATE
from hs_core.matrix.event import Event
from hs_core.matrix.event_building import EventDraft, build_event
from hs_core.matrix.hashing import reference_hash
from hs_core.matrix.identifiers import EventId
from hs_core.matrix.pdu import MAX_PREV_EVENTS
from hs_core.matrix.room_version import EventFormat
from hs_plugins.rooms.api import Draft
from hs_plugins.rooms.creation import new_legacy_names
from hs_plugins.rooms.extremities import continue_room
from hs_plugins.rooms.memory import Extremity
from hs_plugins.rooms.operation import Operation
from hs_plugins.rooms.permission import ask_others
from hs_plugins.rooms.redactions import redact_locally
from hs_plugins.rooms.resolution import Resolver
from hs_plugins.rooms.state_map import NodeHash

if TYPE_CHECKING:
    from hs_plugins.rooms.actor import Engine


async def author(operation: Operation, draft: Draft, engine: "Engine") -> EventId:
    """Add the event of a draft to the operation.

    Answers with its ID; or, for a state event that would change nothing, with the one that is current.

    Raises:
        ProtocolError: if it does not make a valid event; `Rejected` if the authorisation rules refuse it.
        MatrixError: if a hook, or the rules for redactions, refuse it.
    """
    version = operation.memory.version
    proposed = EventDraft(
        room_id=operation.memory.room_id,
        sender=draft.sender,
        type=draft.type,
        content=draft.content,
        state_key=draft.state_key,
        redacts=draft.redacts,
    )
    keys = auth_event_keys(proposed, version)
    own = [] if draft.state_key is None else [(draft.type, draft.state_key)]
    await operation.prepare([CREATE, *keys, *own])
    if unchanged := _unchanged(operation, draft):
        return unchanged.event_id
    await ask_others(engine.hooks, operation, draft)
    tips = _newest(operation)
    before = await _state_at(operation, tips, engine.resolver)
    state = operation if before == operation.state else operation.view_of(before)
    await state.prepare([CREATE, *keys])
    auth_events = [one for key in keys if (one := state.get(key))]
    event = await _build(operation, proposed, tips, auth_events, at=draft.origin_server_ts, engine=engine)
    authorise(event, operation.auth)
    if before != operation.state:
        authorise(event, AuthState(state.get))
    if event.redacts is not None:
        await redact_locally(operation, event)
    after = await operation.with_entry(before, event) if event.is_state else before
    about: dict[str, Any] = {
        "auth_chain": await operation.chain_of(event),
        "device_id": draft.device_id,
        "txn_id": draft.txn_id,
    }
    if len(tips) == len(operation.extremities):
        operation.add(event, before, after, **about)
    else:
        await continue_room(operation, engine.resolver, event, before, after, **about)
    return event.event_id


def _newest(operation: Operation) -> dict[EventId, Extremity]:
    """What the next event comes after.

    "prev_events: [...] the most recent events in the room that the sending server was aware of", at most 20 of them.
    """
    if len(operation.extremities) <= 1:
        return operation.extremities
    tips = sorted(operation.extremities.items(), key=lambda tip: (-tip[1].depth, tip[0]))
    return dict(tips[:MAX_PREV_EVENTS])


async def _state_at(operation: Operation, tips: Mapping[EventId, Extremity], resolver: Resolver) -> NodeHash:
    """The state before an event that comes after these, as other servers will find it."""
    if len(tips) == len(operation.extremities):
        return operation.state
    return await resolver.resolve(operation, {tip.state_after for tip in tips.values()})


def _unchanged(operation: Operation, draft: Draft) -> Event | None:
    """The current state event, if the draft says the same again."""
    if draft.state_key is None:
        return None
    current = operation.get((draft.type, draft.state_key))
    same = current is not None and current.sender == draft.sender and current.content == draft.content
    return current if same else None


async def _build(
    operation: Operation,
    proposed: EventDraft,
    tips: Mapping[EventId, Extremity],
    auth_events: list[Event],
    *,
    at: int | None,
    engine: "Engine",
) -> Event:
    prev_events = list(tips)
    return build_event(
        proposed,
        operation.memory.version,
        depth=max((tip.depth for tip in tips.values()), default=0) + 1,
        prev_events=prev_events,
        auth_events=[event.event_id for event in auth_events],
        origin_server_ts=engine.clock.now_ms() if at is None else at,
        signing_keys=(engine.signing_key,),
        legacy_names=await _legacy_names(operation, prev_events, auth_events, engine),
    )


async def _legacy_names(
    operation: Operation, prev_events: list[EventId], auth_events: list[Event], engine: "Engine"
) -> Any:
    """Room versions 1 and 2 refer to events by ID and hash."""
    version = operation.memory.version
    if version.event_format is not EventFormat.ID_IN_EVENT:
        return None
    known = {event.event_id: event for event in auth_events}
    known.update({new.event.event_id: new.event for new in operation.change.events})
    absent = [event_id for event_id in prev_events if event_id not in known]
    known.update({event_id: stored.event for event_id, stored in (await engine.events.load(absent)).items()})
    hashes = {event_id: reference_hash(event.pdu, version) for event_id, event in known.items()}
    return new_legacy_names(version, engine.server_name, engine.clock, hashes)
