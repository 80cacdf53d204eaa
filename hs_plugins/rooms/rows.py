"""What the `events` stream carries."""

import msgspec

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
    """Root of the room's state before the event, along its own branch."""
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
