"""Events as the server handles them (server-server API, "PDUs"; each room version's "Event format").

An `Event` is a PDU whose shape has been checked once. `pdu` is the signed JSON object as it travels between servers and
is never changed after construction; the fields beside it are read from it so that rules need no look-ups or casts.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from hs_core.matrix.identifiers import EventId, RoomId, UserId
from hs_core.matrix.room_version import RoomVersion

Json: TypeAlias = Any
"""A JSON value: `None`, `bool`, `int`, `str`, `list` or `dict` of the same."""

StateKey: TypeAlias = tuple[str, str]
"""The (type, state_key) pair under which a state event is current."""

StateMap: TypeAlias = Mapping[StateKey, EventId]
"""A room's state: which event is current for each (type, state_key)."""


class Event(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One event of a room. Two events are the same when their `event_id` is."""

    event_id: EventId
    room_id: RoomId
    """For the create event of a room whose ID is made from it, that derived ID."""
    sender: UserId
    type: str
    state_key: str | None
    """`None` for anything that is not a state event."""
    content: Mapping[str, Json]
    origin_server_ts: int
    """Milliseconds since the epoch, by the sending server's word."""
    depth: int
    prev_events: tuple[EventId, ...]
    auth_events: tuple[EventId, ...]
    redacts: EventId | None
    """The event that an `m.room.redaction` redacts, wherever the room version keeps it."""
    room_version: RoomVersion
    pdu: Mapping[str, Json]

    @property
    def is_state(self) -> bool:
        return self.state_key is not None

    @property
    def key(self) -> StateKey:
        """The place of a state event in the room's state. Only for state events."""
        assert self.state_key is not None
        return (self.type, self.state_key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Event) and self.event_id == other.event_id

    def __hash__(self) -> int:
        return hash(self.event_id)
