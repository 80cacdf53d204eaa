"""Events as clients see them (client-server API, "Room event format", "Stripped state")."""

from collections.abc import Mapping
from typing import Any

import msgspec

from hs_core.matrix.event import Event
from hs_core.matrix.identifiers import EventId


class Unsigned(msgspec.Struct, frozen=True, kw_only=True):
    """What a server tells one client about an event without signing it. `None` is not told.

    `transaction_id`, `membership` and `prev_content` are different for each reader of an event.
    """

    age: int | None = None
    """Milliseconds since the event was sent; negative if clocks disagree."""
    redacted_because: Mapping[str, Any] | None = None
    """The redaction that redacted this event, in client format."""
    transaction_id: str | None = None
    """Only for the device that sent the event."""
    delay_id: str | None = None
    """Only for the sender of an event that was scheduled (MSC4140)."""
    prev_content: Mapping[str, Any] | None = None
    """The content of the state event that this one replaced, if the reader may see that."""
    replaces_state: EventId | None = None
    """The state event that this one replaced, "regardless of history visibility"."""
    membership: str | None = None
    """The reader's membership at the event, the event's own change included."""
    relations: Mapping[str, Any] | None = None
    """Aggregations of child events by relation type, `m.relations`."""

    def to_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {}
        if self.age is not None:
            told["age"] = self.age
        if self.redacted_because is not None:
            told["redacted_because"] = self.redacted_because
        if self.transaction_id is not None:
            told["transaction_id"] = self.transaction_id
        if self.delay_id is not None:
            told["org.matrix.msc4140.delay_id"] = self.delay_id
        if self.prev_content is not None:
            told["prev_content"] = self.prev_content
        if self.replaces_state is not None:
            told["replaces_state"] = self.replaces_state
        if self.membership is not None:
            told["membership"] = self.membership
        if self.relations is not None:
            told["m.relations"] = self.relations
        return told


NOTHING_UNSIGNED = Unsigned()


def client_event(event: Event, unsigned: Unsigned = NOTHING_UNSIGNED, *, with_room_id: bool = True) -> dict[str, Any]:
    """`ClientEvent` or, without the room ID, the `ClientEventWithoutRoomID` of `/sync`.

    Only what the format knows goes to clients. The create event of any room version has the room's ID here.
    """
    shown: dict[str, Any] = {
        "type": event.type,
        "sender": event.sender,
        "content": event.content,
        "event_id": event.event_id,
        "origin_server_ts": event.origin_server_ts,
    }
    if with_room_id:
        shown["room_id"] = event.room_id
    if event.state_key is not None:
        shown["state_key"] = event.state_key
    if event.redacts is not None:
        _show_redacts(shown, event.redacts)
    about = unsigned.to_json()
    if about:
        shown["unsigned"] = about
    return shown


def federation_event(event: Event, unsigned: Unsigned = NOTHING_UNSIGNED) -> dict[str, Any]:
    """The event as it travels between servers, for filters that ask for `event_format: federation`."""
    about = unsigned.to_json()
    return {**event.pdu, "unsigned": about} if about else dict(event.pdu)


def stripped_state(event: Event) -> dict[str, Any]:
    """`StrippedStateEvent`: what somebody who is not in the room may know of a state event."""
    return {
        "type": event.type,
        "sender": event.sender,
        "state_key": event.key[1],
        "content": event.content,
    }


def _show_redacts(shown: dict[str, Any], redacts: EventId) -> None:
    """Put it into both places, whichever the room version uses ("Moving the `redacts` property [...]").

    "For backwards-compatibility with older clients, servers should add a `redacts` property to the top level"; "for
    improved compatibility with newer clients, servers should add a `redacts` property to the `content`".
    """
    shown["redacts"] = redacts
    shown["content"] = {**shown["content"], "redacts": redacts}
