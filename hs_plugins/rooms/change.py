"""What one operation does to a room: made in memory by its actor, written by the group commit, whole or not at all."""

from dataclasses import dataclass, field

from hs_core.matrix.event import Event
from hs_core.matrix.identifiers import DeviceId, EventId, RoomId, UserId
from hs_plugins.rooms.state_map import NewNodes, NodeHash


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be stored. In the timeline unless it was rejected or soft-failed."""

    event: Event
    state_before: NodeHash
    state_after: NodeHash
    room_state: NodeHash
    """The room's current state once this event is processed."""
    replaces: EventId | None = None
    prev_content: bytes | None = None
    device_id: DeviceId | None = None
    txn_id: str | None = None
    rejected: str | None = None
    soft_failed: bool = False

    @property
    def in_timeline(self) -> bool:
        return self.rejected is None and not self.soft_failed


@dataclass(frozen=True, slots=True)
class MemberChange:
    """A user's member event became current in the room's state, or ceased to be."""

    user_id: UserId
    before: str | None
    """The membership that the user had; `None` for no member event."""
    after: str | None
    event_id: EventId
    sender: UserId


@dataclass(frozen=True, slots=True)
class Redaction:
    """A redaction takes effect on an event that is stored."""

    redacts: EventId
    redacted_by: EventId
    json: bytes
    """What remains of the event."""


@dataclass(slots=True)
class RoomChange:
    """All that one operation writes, for one room."""

    room_id: RoomId
    events: list[NewEvent] = field(default_factory=list)
    nodes: NewNodes = field(default_factory=dict)
    state: NodeHash | None = None
    """The new current state, if it is another one."""
    members: list[MemberChange] = field(default_factory=list)
    new_extremities: set[EventId] = field(default_factory=set)
    old_extremities: set[EventId] = field(default_factory=set)
    redactions: list[Redaction] = field(default_factory=list)
    awaited_redactions: list[tuple[EventId, EventId]] = field(default_factory=list)
    """(redacted event, redaction) where the former is not known yet."""
    creator: UserId | None = None
    """Set by the change that makes the room known here."""
