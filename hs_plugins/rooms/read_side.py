"""What every process may read about rooms: the values and the protocols of the read side."""

from collections.abc import Collection, Sequence
from typing import Any, Protocol

import msgspec

from hs_core.matrix.event import StateKey, StateMap
from hs_core.matrix.identifiers import DeviceId, EventId, RoomId, UserId
from hs_plugins.rooms.places import Place
from hs_plugins.rooms.rows import EventRow
from hs_plugins.rooms.store.relations import Bounds
from hs_plugins.rooms.stored import StateRoot, StoredEvent


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
    parents: frozenset[EventId]
    """Those of the events that others relate to."""


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

    async def with_page(self, user_id: UserId, room_id: RoomId, bounds: Bounds) -> tuple[View, Page | None]:
        """The same, and if the user is in the room a page of its timeline, in the same read."""


class Showing(Protocol):
    """Events as their readers see them ("Room event format"). One module writes them, for all endpoints."""

    async def events(
        self,
        reader: Reader,
        events: Sequence[StoredEvent],
        *,
        with_room_id: bool = True,
        parents: Collection[EventId] | None = None,
    ) -> list[dict[str, Any]]:
        """`ClientEvent`s of events that the reader may see, with `unsigned`, and in it what is told of their children.

        Who knows which of the events others relate to names them, `parents`: then it need not be looked up.
        """


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
