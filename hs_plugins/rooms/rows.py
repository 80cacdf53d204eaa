"""What the `events` stream carries."""

import msgspec

from hs_core.matrix.canonical_json import encode_canonical
from hs_core.matrix.client_event import client_event
from hs_core.matrix.event import Event
from hs_core.matrix.identifiers import DeviceId, EventId, RoomId, UserId


class EventRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event that became part of its room's timeline: all that a live sync needs, so that it reads no database."""

    room_id: RoomId
    event_id: EventId
    type: str
    state_key: str | None
    sender: UserId
    origin_server_ts: int
    depth: int
    client_json: bytes
    """The event as clients see it: a JSON object without `room_id` and `unsigned`."""
    state_before: bytes
    """Root of the room's state before the event, along its own branch; empty while that is not known."""
    state_after: bytes
    room_state: bytes
    """Root of the room's current state once the event was processed: where branches meet, the resolved one."""
    membership: str | None
    """`content.membership` of a member event."""
    replaces: EventId | None
    """The state event that was current before this one."""
    prev_content: bytes | None
    """The JSON content of that event."""
    redacts: EventId | None
    relates_to: EventId | None
    device_id: DeviceId | None
    """The local sender's device, and its transaction ID, for that device's `unsigned`."""
    txn_id: str | None
    redacted_by: EventId | None = None


def event_row(
    event: Event,
    *,
    state_before: bytes,
    state_after: bytes,
    room_state: bytes,
    replaces: EventId | None,
    prev_content: bytes | None,
    device_id: DeviceId | None,
    txn_id: str | None,
    redacted_by: EventId | None = None,
) -> EventRow:
    """The row of an event that has become part of its room's timeline."""
    relation = event.content.get("m.relates_to")
    relates_to = relation.get("event_id") if isinstance(relation, dict) else None
    membership = event.content.get("membership") if event.type == "m.room.member" else None
    return EventRow(
        event.room_id,
        event.event_id,
        event.type,
        event.state_key,
        event.sender,
        event.origin_server_ts,
        event.depth,
        encode_canonical(client_event(event, with_room_id=False), strict=False),
        state_before,
        state_after,
        room_state,
        membership if isinstance(membership, str) else None,
        replaces,
        prev_content,
        event.redacts,
        EventId(relates_to) if isinstance(relates_to, str) else None,
        device_id,
        txn_id,
        redacted_by,
    )
