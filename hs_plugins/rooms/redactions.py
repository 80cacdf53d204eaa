"""When a redaction takes effect (room versions, "Handling redactions")."""

from collections.abc import Sequence

from hs_core.errors import Forbidden, InvalidParam
from hs_core.matrix.auth import redaction_applies
from hs_core.matrix.auth.state import CREATE, POWER_LEVELS
from hs_core.matrix.event import Event
from hs_core.matrix.identifiers import EventId
from hs_core.matrix.pdu import redacted_event
from hs_core.matrix.power_levels import PowerLevels
from hs_plugins.rooms import state_map
from hs_plugins.rooms.change import NewEvent, Redaction, Standing
from hs_plugins.rooms.operation import Operation
from hs_plugins.rooms.state_map import NodeHash
from hs_plugins.rooms.store.commit import stored_json
from hs_plugins.rooms.stored import StoredEvent


async def redact_locally(operation: Operation, redaction: Event) -> None:
    """Let a local user's redaction take effect.

    Raises:
        Forbidden: if the user may neither redact everybody's events nor sent this one.
        InvalidParam: if the event is of another room.
    """
    target = await _target_of(operation, redaction)
    if target is None:
        _await_target(operation, redaction)
        return
    if target.event.room_id != redaction.room_id:
        raise InvalidParam("An event can be redacted only from within its room")
    own = target.event.sender == redaction.sender
    if not own and not operation.auth.power_levels.may_redact(redaction.sender):
        raise Forbidden("You do not have the power to redact other people's events in this room")
    _redact(operation, target, redaction)


async def redact_remotely(operation: Operation, redaction: Event, before: NodeHash) -> bool:
    """Let a redaction that was accepted take effect, or wait for its event to arrive. Whether clients may see it.

    "While redactions are always accepted by the authorisation rules for events, they should not be sent to clients
    until both the redaction event and the event the redaction affects have been received, and can be validated."
    """
    if redaction.redacts is None:
        return True
    target = await _target_of(operation, redaction)
    if target is None:
        _await_target(operation, redaction)
    elif redaction_applies(redaction, target.event, await _levels_at(operation, before)):
        _redact(operation, target, redaction)
        return True
    return redaction.room_version.redaction_checked_by_auth_rules


async def redact_on_arrival(
    operation: Operation, target: Event, waiting: Sequence[EventId]
) -> tuple[Event, EventId | None]:
    """What remains of an event that arrives after redactions of it, and the redaction that was the first to apply.

    "Otherwise, the server simply waits for a valid partner event to arrive where it can then re-check the above."
    """
    redacted_by = None
    for event_id, stored in (await operation.load(waiting)).items():
        if stored.state_before is None or stored.rejected is not None or stored.soft_failed:
            continue
        operation.change.settled_redactions.append((target.event_id, event_id))
        if not redaction_applies(stored.event, target, await _levels_at(operation, stored.state_before)):
            continue
        redacted_by = redacted_by or event_id
        if stored.position is None:
            operation.change.released.append(_released(operation, stored))
    return (target, None) if redacted_by is None else (redacted_event(target), redacted_by)


async def _levels_at(operation: Operation, root: NodeHash) -> PowerLevels:
    """The power levels of the room in some state."""
    keys = (CREATE, POWER_LEVELS)
    create_id, levels_id = await operation.ask(lambda nodes: [state_map.get(nodes, root, key) for key in keys])
    assert create_id is not None, "every accepted event comes after the create event"
    events = await operation.load([event_id for event_id in (create_id, levels_id) if event_id])
    return PowerLevels.of_room(events[levels_id].event if levels_id else None, events[create_id].event)


async def _target_of(operation: Operation, redaction: Event) -> StoredEvent | None:
    assert redaction.redacts is not None
    return (await operation.load([redaction.redacts])).get(redaction.redacts)


def _await_target(operation: Operation, redaction: Event) -> None:
    assert redaction.redacts is not None
    operation.change.awaited_redactions.append((redaction.redacts, redaction.event_id))


def _redact(operation: Operation, target: StoredEvent, redaction: Event) -> None:
    remains = redacted_event(target.event)
    operation.change.redactions.append(Redaction(remains.event_id, redaction.event_id, stored_json(remains)))
    operation.redacted(remains)


def _released(operation: Operation, stored: StoredEvent) -> NewEvent:
    return NewEvent(stored.event, stored.state_before, stored.state_after, operation.state, standing=Standing.LIVE)
