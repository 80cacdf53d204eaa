"""Events of other servers (server-server API, "Checks performed on receipt of a PDU"), in the order of the checks.

Signatures and content hashes were checked before, by the plugin that received the events: "Passes signature checks,
otherwise it is dropped. Passes hash checks, otherwise it is redacted before being processed further."
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from hs_core.matrix.auth import AuthState, auth_event_keys, authorise, check_auth_events
from hs_core.matrix.auth.state import CREATE
from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.event import Event
from hs_core.matrix.hashing import create_event_id
from hs_core.matrix.identifiers import EventId
from hs_plugins.rooms.api import Verdict
from hs_plugins.rooms.change import NewEvent, Standing
from hs_plugins.rooms.extremities import continue_room
from hs_plugins.rooms.operation import Operation
from hs_plugins.rooms.redactions import redact_on_arrival, redact_remotely
from hs_plugins.rooms.resolution import Resolver
from hs_plugins.rooms.state_map import EMPTY, NodeHash
from hs_plugins.rooms.stored import StoredEvent


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event that has arrived, with what is known about it besides."""

    event: Event
    told_state: Sequence[EventId] | None = None
    """The state before it, by another server's word; needed where its `prev_events` are not known."""
    waiting: Sequence[EventId] = ()
    """Redactions of it that arrived before it."""
    passed: bool = False
    """Whether it fills a gap: an event that comes after it is in the timeline already."""
    redacted_by: EventId | None = None

    def renewing(self, operation: Operation, stored: StoredEvent | None) -> "Arrival":
        """The same where the event was stored before as part of a state, and may have been redacted since."""
        if stored is None:
            return self
        operation.change.renewed.append(stored.event.event_id)
        return replace(self, event=stored.event, redacted_by=stored.redacted_by)


async def receive(operation: Operation, resolver: Resolver, arrival: Arrival) -> Verdict:
    """Put one event where it belongs: into the room, aside, or nowhere as long as others are missing."""
    event = arrival.event
    stored = (await operation.load([event.event_id])).get(event.event_id)
    if stored is not None and stored.state_before is not None:
        return verdict_of(stored)
    if event.type == "m.room.create" or not event.prev_events:
        return Verdict(event.event_id, refused="only the first event of a room comes after no other")
    if missing := await missing_for(operation, event, arrival.told_state):
        return Verdict(event.event_id, missing=missing)
    arrival = arrival.renewing(operation, stored)
    event = arrival.event
    before = await state_before(operation, resolver, event, arrival.told_state)
    if reason := await refusal(operation, event, before):
        return await keep_aside(operation, arrival, before, before, rejected=reason)
    after = await operation.with_entry(before, event) if event.is_state else before
    if before != operation.state and await refusal_by_state(operation, event, operation.state) is not None:
        return await keep_aside(operation, arrival, before, after, soft_failed=True)
    return await _let_in(operation, resolver, arrival, before, after)


def verdict_of(stored: StoredEvent) -> Verdict:
    """What was found of an event when it arrived."""
    return Verdict(
        stored.event.event_id,
        accepted=stored.rejected is None and not stored.soft_failed,
        soft_failed=stored.soft_failed,
        refused=stored.rejected,
    )


async def missing_for(operation: Operation, event: Event, told: Collection[EventId] | None) -> tuple[EventId, ...]:
    """The events without which this one cannot be checked."""
    known = await operation.load({*event.prev_events, *event.auth_events, *(told or ())})
    without_state = [one for one in event.prev_events if one not in known or known[one].state_after is None]
    absent = [one for one in (*event.auth_events, *(told or ())) if one not in known]
    return tuple(dict.fromkeys(absent if told is not None else without_state + absent))


async def state_before(
    operation: Operation, resolver: Resolver, event: Event, told: Collection[EventId] | None
) -> NodeHash:
    """The resolution of the states after the events that come just before, and of a state that somebody told."""
    previous = await operation.load(event.prev_events)
    roots = {stored.state_after for stored in previous.values() if stored.state_after is not None}
    if told is not None:
        members = [stored for stored in (await operation.load(told)).values() if stored.rejected is None]
        entries = {stored.event.key: stored.event.event_id for stored in members if stored.event.is_state}
        roots.add(await operation.change_state(EMPTY, entries))
    return await resolver.resolve(operation, roots)


async def refusal(operation: Operation, event: Event, before: NodeHash) -> str | None:
    """Why the authorisation rules refuse an event, by its auth events or by the state before it."""
    return await refusal_by_auth_events(operation, event) or await refusal_by_state(operation, event, before)


async def refusal_by_auth_events(operation: Operation, event: Event) -> str | None:
    """ "Passes authorisation rules based on the event's auth events, otherwise it is rejected." """
    if event.type == "m.room.create":
        return _broken_rule(event, AuthState.from_events([]))
    implied = None if event.room_version.create_event_in_auth_events else create_event_id(event.room_id)
    known = await operation.load([*event.auth_events, *([implied] if implied else [])])
    rejected = {event_id for event_id, stored in known.items() if stored.rejected is not None}
    auth_events = [known[event_id].event for event_id in event.auth_events]
    create = known[implied].event if implied in known else None
    try:
        check_auth_events(event, auth_events, rejected, create)
    except ProtocolError as error:
        return str(error)
    return _broken_rule(event, AuthState.from_events(auth_events if create is None else [*auth_events, create]))


async def refusal_by_state(operation: Operation, event: Event, root: NodeHash) -> str | None:
    """Why the rules refuse an event in a state of the room."""
    keys = [CREATE, *auth_event_keys(event, event.room_version)]
    if root == operation.state:
        await operation.prepare(keys)
        return _broken_rule(event, operation.auth)
    view = operation.view_of(root)
    await view.prepare(keys)
    return _broken_rule(event, AuthState(view.get))


def _broken_rule(event: Event, state: AuthState) -> str | None:
    try:
        authorise(event, state)
    except ProtocolError as error:
        return str(error)
    return None


async def keep_aside(
    operation: Operation,
    arrival: Arrival,
    before: NodeHash,
    after: NodeHash,
    *,
    rejected: str | None = None,
    soft_failed: bool = False,
) -> Verdict:
    """Store an event that clients will not see and that our events will not refer to."""
    event = arrival.event
    new = NewEvent(
        event,
        before,
        after,
        operation.state,
        auth_chain=await operation.chain_of(event),
        standing=Standing.ASIDE,
        rejected=rejected,
        soft_failed=soft_failed,
        redacted_by=arrival.redacted_by,
    )
    operation.store(new)
    operation.change.filled.append(event.event_id)
    return verdict_of(new.as_stored())


async def _let_in(
    operation: Operation, resolver: Resolver, arrival: Arrival, before: NodeHash, after: NodeHash
) -> Verdict:
    """Make an accepted event part of the room."""
    event, redacted_by = await redact_on_arrival(operation, arrival.event, arrival.waiting)
    visible = event.type != "m.room.redaction" or await redact_remotely(operation, event, before)
    await note_gaps(operation, event)
    await continue_room(
        operation,
        resolver,
        event,
        before,
        after,
        becomes_newest=not arrival.passed,
        auth_chain=await operation.chain_of(event),
        standing=Standing.LIVE if visible else Standing.ASIDE,
        redacted_by=redacted_by or arrival.redacted_by,
    )
    return Verdict(event.event_id, accepted=True)


async def note_gaps(operation: Operation, event: Event) -> None:
    """Remember what comes before an event and is not known; what waited for this event waits no more."""
    known = await operation.load(event.prev_events)
    absent = [one for one in event.prev_events if one not in known or known[one].state_after is None]
    operation.change.gaps += [(event.event_id, one) for one in absent]
    operation.change.filled.append(event.event_id)
