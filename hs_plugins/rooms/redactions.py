"""When a redaction takes effect (room versions, "Handling redactions")."""

from hs_core.errors import Forbidden, InvalidParam
from hs_core.matrix.event import Event
from hs_core.matrix.identifiers import server_name_of
from hs_core.matrix.pdu import redacted_event
from hs_plugins.rooms.change import Redaction
from hs_plugins.rooms.event_cache import EventCache
from hs_plugins.rooms.operation import Operation
from hs_plugins.rooms.store.commit import stored_json
from hs_plugins.rooms.stored import StoredEvent


async def redact_locally(operation: Operation, redaction: Event, events: EventCache) -> None:
    """Let a local user's redaction take effect.

    Raises:
        Forbidden: if the user may neither redact everybody's events nor sent this one.
        InvalidParam: if the event is of another room.
    """
    target = await _target_of(redaction, events)
    if target is None:
        _await_target(operation, redaction)
        return
    if target.event.room_id != redaction.room_id:
        raise InvalidParam("An event can be redacted only from within its room")
    own = target.event.sender == redaction.sender
    if not own and not operation.auth.power_levels.may_redact(redaction.sender):
        raise Forbidden("You do not have the power to redact other people's events in this room")
    _redact(operation, target, redaction)


async def redact_remotely(operation: Operation, redaction: Event, events: EventCache) -> None:
    """Let a redaction that was accepted take effect, or not, or wait for its event to arrive."""
    target = await _target_of(redaction, events)
    if target is None:
        _await_target(operation, redaction)
    elif takes_effect(operation, target.event, redaction):
        _redact(operation, target, redaction)


def takes_effect(operation: Operation, target: Event, redaction: Event) -> bool:
    """ "The redaction event should be applied if: the power level of the redaction event's `sender` is greater than or
    equal to the redact level; the domain of the redaction event's `sender` matches that of the original event's
    `sender`."
    """
    if target.room_id != redaction.room_id:
        return False
    same_domain = server_name_of(target.sender) == server_name_of(redaction.sender)
    return same_domain or operation.auth.power_levels.may_redact(redaction.sender)


async def _target_of(redaction: Event, events: EventCache) -> StoredEvent | None:
    assert redaction.redacts is not None
    return (await events.load([redaction.redacts])).get(redaction.redacts)


def _await_target(operation: Operation, redaction: Event) -> None:
    assert redaction.redacts is not None
    operation.change.awaited_redactions.append((redaction.redacts, redaction.event_id))


def _redact(operation: Operation, target: StoredEvent, redaction: Event) -> None:
    remains = redacted_event(target.event)
    operation.change.redactions.append(Redaction(remains.event_id, redaction.event_id, stored_json(remains)))
    operation.redacted(remains)
