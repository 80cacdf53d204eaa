"""The rows of the stream `notifications`."""

from __future__ import annotations

import msgspec

from hs_core.matrix.identifiers import EventId, RoomId, UserId


class Told(msgspec.Struct, frozen=True, array_like=True):
    """Users for whom the same is to be done about an event."""

    actions: str
    """The actions of the rule that decided, as a JSON list."""
    highlight: bool
    users: tuple[UserId, ...]


class NotifiedEvent(msgspec.Struct, frozen=True, array_like=True):
    """An event that somebody is notified of."""

    position: int
    """Its position in the stream of room events."""
    room_id: RoomId
    event_id: EventId
    thread_id: str
    """The root of the thread that it is in, or `main`."""
    told: tuple[Told, ...]


class NotificationRow(msgspec.Struct, frozen=True, array_like=True):
    """Users are to be notified of some events, or have read what they had been notified of.

    An event may be in the rows of several processes, each of which decides for users of its own; nobody is notified of
    it twice.
    """

    ts: int
    """When that was decided, in milliseconds since the epoch."""
    events: tuple[NotifiedEvent, ...]
    read: tuple[UserId, ...] = ()
    """Users who have less to read than before, by whatever it came to that. The same may be told later once more."""
