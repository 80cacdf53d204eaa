"""The door of the room engine: the `events` stream, the calls that change rooms, and what every process may read."""

from collections.abc import Collection, Sequence
from typing import Any, Final, Protocol

import msgspec

from hs_core.matrix.event import StateKey, StateMap
from hs_core.matrix.identifiers import DeviceId, EventId, RoomId, ServerName, UserId
from hs_core.plugin import By, ReadSide, Service, Stream
from hs_plugins.rooms.creation import new_room
from hs_plugins.rooms.places import Place, Purge, place_from_token, place_to_token
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


class RoomInfo(msgspec.Struct, frozen=True):
    """A room as its newest commit left it."""

    room_id: RoomId
    version: str
    creator: UserId
    state: StateRoot
    joined_members: int
    invited_members: int
    position: int


class Membership(msgspec.Struct, frozen=True):
    """One user's place in one room, now."""

    room_id: RoomId
    user_id: UserId
    membership: str
    event_id: EventId
    sender: UserId
    position: int
    forgotten: bool


class Crowd(msgspec.Struct, frozen=True):
    """How many are in one room, now, and who came first."""

    joined: int
    invited: int
    first: list[UserId]
    """Joined or invited members; if there are none, those who left or were banned."""


class Page(msgspec.Struct, frozen=True):
    """Some events of a room, in the direction asked for, and the place after the last of them."""

    events: list[StoredEvent]
    end: Place | None
    """`None` when there is nothing further in that direction."""


class Relation(msgspec.Struct, frozen=True):
    """One event's `m.relates_to`."""

    event_id: EventId
    parent: EventId
    rel_type: str
    type: str
    sender: UserId
    place: Place


class Thread(msgspec.Struct, frozen=True):
    """A thread of a room."""

    root: EventId
    place: Place
    """Just after its latest event."""


class View(msgspec.Struct, frozen=True):
    """A room as one user may look at it: as it is, or as it was when they left."""

    room: RoomInfo
    membership: str
    """The user's own, now; `leave` for who has never been in the room."""
    state: StateRoot
    until: Place | None
    """What comes after this place is hidden from who has left; `None` for those who see the present."""

    @property
    def is_member(self) -> bool:
        return self.membership == "join"


class Reader(msgspec.Struct, frozen=True):
    """Whom events are shown to."""

    user_id: UserId
    device_id: DeviceId | None = None
    ignored: frozenset[UserId] = frozenset()
    """Users whose events the reader does not want to hear of ("Ignoring Users")."""


class RoomSummary(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A room in brief, for people who are not in it: `RoomSummary` of the client-server API, ready to be written."""

    room_id: RoomId
    num_joined_members: int
    world_readable: bool
    guest_can_join: bool
    room_version: str
    name: str | None = None
    topic: str | None = None
    canonical_alias: str | None = None
    avatar_url: str | None = None
    join_rule: str | None = None
    room_type: str | None = None
    encryption: str | None = None
    allowed_room_ids: tuple[RoomId, ...] = ()
    """The rooms whose members may join, where the join rule is `restricted` or `knock_restricted`."""


class Members(Protocol):
    """Which rooms there are, and who is in them. Read from the database by any process."""

    async def rooms(self, room_ids: Collection[RoomId]) -> dict[RoomId, RoomInfo]:
        """Those of the rooms that this server knows."""

    async def membership(self, room_id: RoomId, user_id: UserId) -> Membership | None:
        """The user's place in the room; `None` if there has never been one."""

    async def of_user(self, user_id: UserId, memberships: Collection[str] = ()) -> list[Membership]:
        """The user's rooms, in any of these memberships (empty: in any at all), the latest change last."""

    async def in_room(self, room_id: RoomId, memberships: Collection[str] = ("join",)) -> list[Membership]:
        """The room's current members, in the order in which they became so."""

    async def crowds(
        self, room_ids: Collection[RoomId], user_id: UserId, limit: int, *, named: Collection[RoomId]
    ) -> dict[RoomId, Crowd]:
        """Who is in those of the rooms that this server knows, with up to `limit` others than a user by name, save of
        the `named` ones.
        """


class States(Protocol):
    """States of rooms, by their roots. What a root names never changes, so answers are cached."""

    async def event(self, root: StateRoot, key: StateKey) -> StoredEvent | None:
        """The event that is current for the key."""

    async def ids(self, root: StateRoot) -> StateMap:
        """The whole state."""

    async def besides_members(self, root: StateRoot) -> StateMap:
        """The state without its `m.room.member` events, which in a large room are almost all of it."""

    async def prepare(self, roots: Collection[StateRoot]) -> None:
        """Bring whole states into memory together, so that asking for one after the other reads nothing."""

    async def lookup(self, root: StateRoot, keys: Collection[StateKey]) -> dict[StateKey, EventId]:
        """Those of the keys that are present."""

    async def difference(self, old: StateRoot | None, new: StateRoot) -> dict[StateKey, EventId | None]:
        """What changed from one state to the other; `None` for a key that is gone. Costs what changed."""

    async def at(self, room_id: RoomId, position: int) -> StateRoot | None:
        """The room's state when the stream stood at `position`; `None` if the room was not known then."""


class Timelines(Protocol):
    """Events and their order. Read from the database by any process."""

    async def events(self, event_ids: Collection[EventId]) -> dict[EventId, StoredEvent]:
        """Those of the events that are known, rejected ones included."""

    async def rows(self, event_ids: Collection[EventId]) -> dict[EventId, EventRow]:
        """The same events as they would be in the stream: in client format, most of them from memory."""

    async def recent(
        self, room_ids: Collection[RoomId], after: int, up_to: int, limit: int
    ) -> dict[RoomId, list[tuple[int, EventRow]]]:
        """The newest `limit` events of each room with `after < position <= up_to`, by position, the oldest first."""

    async def own_memberships(
        self, user_id: UserId, room_ids: Collection[RoomId], after: int, up_to: int
    ) -> dict[RoomId, list[tuple[int, EventRow]]]:
        """The user's own member events in rooms with `after < position <= up_to`, the oldest first."""

    async def page(
        self, room_id: RoomId, start: Place, *, backwards: bool, limit: int, stop: Place | None = None
    ) -> Page:
        """Up to `limit` timeline events after (or before) a place, in the direction of reading."""

    async def place_at(self, room_id: RoomId, position: int) -> Place:
        """The place in a room's timeline that the stream had reached at `position`."""

    async def place_of(self, event_id: EventId) -> Place | None:
        """The place just after an event; `None` if it is in no timeline."""

    async def visible(self, user_id: UserId, events: Sequence[StoredEvent], *, joined: bool = False) -> list[bool]:
        """For each event of one room, whether this user may see it ("Room History Visibility").

        Who knows that the user is in the room now says so, `joined`: then it need not be looked up.
        """

    async def closest(self, room_id: RoomId, timestamp: int, *, backwards: bool) -> StoredEvent | None:
        """The timeline event closest to a time: at or before it (`backwards`), or at or after it."""

    async def related(self, parents: Collection[EventId], rel_types: Collection[str] = ()) -> list[Relation]:
        """The relations to these events, oldest first; all kinds if `rel_types` is empty."""

    async def children(
        self,
        room_id: RoomId,
        parent: EventId,
        bounds: Bounds,
        *,
        rel_type: str | None = None,
        event_type: str | None = None,
    ) -> list[Relation]:
        """The relations to one event within a part of the timeline, in the direction of reading."""

    async def threads(
        self, room_id: RoomId, start: Place, limit: int, *, participant: UserId | None = None
    ) -> list[Thread]:
        """The threads whose latest event is before `start`, the latest first; only those with the participant."""


class Views(Protocol):
    """Who may look at a room at all, and at which part of its life."""

    async def of(self, user_id: UserId, room_id: RoomId) -> View:
        """What the user may look at: 403 `M_FORBIDDEN` if nothing, or if this server does not know the room."""


class Showing(Protocol):
    """Events as their readers see them ("Room event format"). One module writes them, for all endpoints."""

    async def events(
        self, reader: Reader, events: Sequence[StoredEvent], *, with_room_id: bool = True, aggregate: bool = True
    ) -> list[dict[str, Any]]:
        """`ClientEvent`s of events that the reader may see, with `unsigned`; `aggregate` bundles their children."""


class RoomSummaries(Protocol):
    """Rooms in brief."""

    async def of(self, rooms: Collection[RoomInfo]) -> dict[RoomId, RoomSummary]:
        """The summaries of the rooms, from their current state."""


class Gap(msgspec.Struct, frozen=True):
    """A hole in a room's timeline: an event of it that comes after one that is not known."""

    event_id: EventId
    depth: int
    missing: EventId


class History(Protocol):
    """Rooms as the graphs that servers ask each other about. Read from the database by any process."""

    async def preceding(
        self,
        room_id: RoomId,
        events: Collection[EventId],
        *,
        limit: int,
        stop: Collection[EventId] = (),
        min_depth: int = 0,
    ) -> list[StoredEvent]:
        """Up to `limit` events that come before some, along `prev_events`, the deepest first, without those themselves.

        The walk ends at events of `stop`, at those of a lesser depth, and where nothing is known. Soft-failed events
        are included, rejected ones left out. For `/backfill` and `/get_missing_events`.
        """

    async def auth_chain(self, event_ids: Collection[EventId]) -> set[EventId]:
        """The union of the auth chains of some events, as far as it is known. For `/event_auth` and `/send_join`."""

    async def gaps(self, room_id: RoomId, *, depth: int, limit: int) -> list[Gap]:
        """Where to ask others for more history: the gaps of at most this depth, the deepest first."""


class RoomsRead(Protocol):
    """What every process may read about rooms, straight from the database and from caches of what never changes."""

    @property
    def members(self) -> Members: ...

    @property
    def states(self) -> States: ...

    @property
    def timelines(self) -> Timelines: ...

    @property
    def views(self) -> Views: ...

    @property
    def showing(self) -> Showing: ...

    @property
    def summaries(self) -> RoomSummaries: ...

    @property
    def history(self) -> History: ...


ROOMS_READ = ReadSide[RoomsRead]("rooms")
