"""What one operation does to a room: made in memory by its actor, written by the group commit, whole or not at all."""

from dataclasses import dataclass, field
from enum import Enum

from hs_core.matrix.event import Event
from hs_core.matrix.identifiers import DeviceId, EventId, RoomId, UserId
from hs_plugins.rooms.state_map import NewNodes, NodeHash
from hs_plugins.rooms.stored import StoredEvent


class Standing(Enum):
    """Where an event is once it is stored."""

    LIVE = "at the end of the timeline"
    PAST = "at the beginning of the timeline: backfilled"
    ASIDE = "in no timeline"
    """Rejected or soft-failed, a redaction that waits for its event, or known only as part of a state or auth chain."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be stored."""

    event: Event
    state_before: NodeHash | None
    """States are `None` for an event that is known only as part of a state or of an auth chain."""
    state_after: NodeHash | None
    room_state: NodeHash | None
    """The room's current state once this event is processed."""
    auth_chain: NodeHash | None = None
    """The events in its auth chain; for state events."""
    standing: Standing = Standing.LIVE
    replaces: EventId | None = None
    prev_content: bytes | None = None
    device_id: DeviceId | None = None
    txn_id: str | None = None
    rejected: str | None = None
    soft_failed: bool = False
    redacted_by: EventId | None = None

    def as_stored(self) -> StoredEvent:
        """The same as it will be read back, but for its position."""
        return StoredEvent(
            event=self.event,
            position=None,
            state_before=self.state_before,
            state_after=self.state_after,
            auth_chain=self.auth_chain,
            replaces=self.replaces,
            redacted_by=self.redacted_by,
            rejected=self.rejected,
            soft_failed=self.soft_failed,
            device_id=self.device_id,
            txn_id=self.txn_id,
        )


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
    settled_redactions: list[tuple[EventId, EventId]] = field(default_factory=list)
    """(redacted event, redaction) that need not wait any more."""
    released: list[NewEvent] = field(default_factory=list)
    """Stored redactions that become part of the timeline, now that their event has come."""
    renewed: list[EventId] = field(default_factory=list)
    """Those of `events` that were stored before, without states."""
    gaps: list[tuple[EventId, EventId]] = field(default_factory=list)
    """(event of the timeline, one of its `prev_events` that is not known)."""
    filled: list[EventId] = field(default_factory=list)
    """Events that gaps were made of, and that are known now."""
    creator: UserId | None = None
    """Set by the change that makes the room known here."""
