"""The door of the room engine: the `events` stream, the calls that change rooms, and what every process may read."""

from collections.abc import Sequence
from typing import Any, Final, Protocol

import msgspec

from hs_core.matrix.identifiers import DeviceId, EventId, RoomId, ServerName, UserId
from hs_core.plugin import By, ReadSide, Service, Stream
from hs_plugins.rooms.creation import new_room
from hs_plugins.rooms.places import Place, Purge, place_from_token, place_to_token
from hs_plugins.rooms.read_side import (
    Crowd,
    Gap,
    History,
    Members,
    Membership,
    Page,
    Reader,
    Relation,
    RoomInfo,
    RoomsRead,
    RoomSummaries,
    RoomSummary,
    Showing,
    States,
    Thread,
    Timelines,
    View,
    Views,
)
from hs_plugins.rooms.rows import EventRow
from hs_plugins.rooms.store.relations import Bounds
from hs_plugins.rooms.store.stream import load_rows
from hs_plugins.rooms.stored import StateRoot, StoredEvent

__all__ = [
    "DELAYED",
    "EVENTS",
    "ROOMS",
    "ROOMS_READ",
    "Bounds",
    "Crowd",
    "Draft",
    "EventRow",
    "Gap",
    "History",
    "Imported",
    "Join",
    "Members",
    "Membership",
    "Page",
    "Place",
    "Purge",
    "Reader",
    "Relation",
    "RoomInfo",
    "RoomSummaries",
    "RoomSummary",
    "Rooms",
    "RoomsRead",
    "Sent",
    "Showing",
    "StateRoot",
    "States",
    "StoredEvent",
    "Thread",
    "Timelines",
    "ToldState",
    "Verdict",
    "View",
    "Views",
    "new_room",
    "place_from_token",
    "place_to_token",
]

EVENTS = Stream("events", EventRow, load=load_rows, shard_by=By.ROOM, slots=64)


DELAYED: Final = DeviceId("org.matrix.msc4140")
"""As the device of a draft: the event was scheduled by its sender, under the ID that is the draft's `txn_id`. Clients
are told that ID in the place of the transaction.
"""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """An event that a local user wants to send."""

    sender: UserId
    type: str
    content: dict[str, Any]
    state_key: str | None = None
    redacts: EventId | None = None
    device_id: DeviceId | None = None
    """With `txn_id`: the same pair of the same sender in the same room always gives the same event."""
    txn_id: str | None = None
    origin_server_ts: int | None = None
    """For application services: a time of their own ("Timestamp massaging")."""


class Sent(msgspec.Struct, frozen=True):
    """An event that is durable and part of its room."""

    event_id: EventId
    position: int
    """A sync that has reached this position of `EVENTS` has seen it."""


class Join(msgspec.Struct, frozen=True, kw_only=True):
    """A local user's wish to join or to knock."""

    user_id: UserId
    content: dict[str, Any]
    """What else the member event says: profile, reason. `membership` is added."""
    third_party_signed: dict[str, Any] | None = None


class Verdict(msgspec.Struct, frozen=True):
    """What became of an event of another server. If none of the fields says anything, `event_id` says it all."""

    event_id: EventId | None
    """`None` for something that is no event."""
    accepted: bool = False
    """It is part of the room."""
    soft_failed: bool = False
    """It is stored, but clients do not see it, and our events will not refer to it ("Soft failure")."""
    refused: str | None = None
    """Why it was dropped, or rejected ("Rejection"). Such events are no reason to refuse a request that has them."""
    missing: tuple[EventId, ...] = ()
    """Events without which it cannot be judged; nothing was stored. Once they are here, it may be given again."""


class ToldState(msgspec.Struct, frozen=True):
    """The state before an event whose `prev_events` cannot be had, by another server's word."""

    event_id: EventId
    state: tuple[EventId, ...]
    """State events that are known here (see `Rooms.receive_outliers`)."""


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """A room as another server tells it to a server that joins ("Joining Rooms", `send_join`)."""

    version: str
    event: bytes
    """The member event that joins, signed by this server and by whoever else must."""
    state: tuple[bytes, ...]
    """The state before it, with the create event."""
    auth_chain: tuple[bytes, ...]
    """The auth chain of the state."""


class Rooms(Protocol):
    """Calls run in the process that owns the room, their first argument.

    Refusals are `hs_core.errors.MatrixError`: 403 `M_FORBIDDEN` with the rule that failed, 404 for a room that this
    server does not know, 413 `M_TOO_LARGE` for an event over the size limits.
    """

    async def create_room(self, room_id: RoomId, create_event: bytes, drafts: Sequence[Draft]) -> Sent:
        """Begin a room with a signed create event (see `new_room`) and send the drafts, all or nothing.

        Answers with the last event; so it does for a room that is there, if the last draft has the `txn_id` with which
        that was made. Else 400 `M_ROOM_IN_USE`; `M_INVALID_ROOM_STATE` if the authorisation rules refuse a draft.
        """

    async def send(self, room_id: RoomId, draft: Draft) -> Sent:
        """Send one event of a local user. A draft with a `txn_id` that was sent before answers with that event.

        A state event that would change nothing (same content, same sender, same key) answers with the current one.
        """

    async def send_all(self, room_id: RoomId, drafts: Sequence[Draft]) -> Sent:
        """Send several events in this order, all or nothing. Answers with the last."""

    async def join(self, room_id: RoomId, join: Join) -> Sent:
        """Join, choosing the user who authorises it where the join rule is `restricted`. Joining twice is no error."""

    async def knock(self, room_id: RoomId, knock: Join) -> Sent:
        """Knock ("Knocking on rooms")."""

    async def forget(self, room_id: RoomId, user_id: UserId) -> None:
        """Forget a room that the user has left ("Leaving rooms"). 400 `M_UNKNOWN` while still in it."""

    async def receive(
        self, room_id: RoomId, origin: ServerName, pdus: Sequence[bytes], told: Sequence[ToldState] = ()
    ) -> list[Verdict]:
        """Take in events that another server sent ("Checks performed on receipt of a PDU"). One verdict for each.

        The caller has checked signatures, with those that authorisation rules ask for, and content hashes (an event
        whose hash is wrong is given in its redacted form). They may come in any order. All that is accepted is durable
        when this returns.
        """

    async def receive_outliers(self, room_id: RoomId, pdus: Sequence[bytes]) -> list[Verdict]:
        """Store events that are part of a state or of an auth chain, without a place in the timeline.

        Checked as in `receive`, but only by their auth events. Here `accepted` means stored and not rejected.
        """

    async def backfill(self, room_id: RoomId, pdus: Sequence[bytes], told: Sequence[ToldState] = ()) -> list[Verdict]:
        """Take in older events, which go to the beginning of the timeline. Otherwise like `receive`.

        For the oldest of them `told` has the state before, unless it comes just after events that are known.
        """

    async def import_room(self, room_id: RoomId, imported: Imported) -> Sent:
        """Begin to know a room, or to know it again, with a join that another server helped with.

        Signatures and hashes have been checked, as for `receive`. Events of the state that are not valid, or that their
        auth events do not allow, are left out of it. Until this has returned nothing of the room is to be seen; should
        it fail, it may be called again.

        Raises:
            Forbidden: if the state does not allow the join. BadJson: if the state has no create event.
        """

    async def purge_history(self, room_id: RoomId, before: EventId) -> str:
        """Begin to delete the timeline before an event; answers with the purge's ID for `purge`.

        Deleted are messages and whatever else is no state. State events stay as parts of states and auth chains, but
        leave the timeline. The newest events of the room stay as they are. It goes on in the background, in small
        steps, whatever happens to the process. 404 `M_NOT_FOUND` for an event that is not in the timeline.
        """

    async def purge_history_before(self, room_id: RoomId, timestamp: int) -> str:
        """The same for all that comes before the last event older than a time, and for that event."""

    async def purge(self, room_id: RoomId, purge_id: str) -> Purge | None:
        """How far a purge has come."""


ROOMS = Service[Rooms]("rooms", owner=EVENTS)

ROOMS_READ = ReadSide[RoomsRead]("rooms")
