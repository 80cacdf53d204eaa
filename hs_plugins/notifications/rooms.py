"""What push rules need to know of rooms: who of this server is in them, under which names, and who may notify all.

A book of a room is at one of its states. The events that follow simply change it, so that nothing is read for them;
where branches meet, the difference between the two states is read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from hs_core.cache import LRU
from hs_core.matrix.event import Event, StateKey
from hs_core.matrix.identifiers import EventId, RoomId, ServerName, UserId, server_name_of
from hs_core.matrix.power_levels import PowerLevels, room_creators
from hs_core.matrix.room_version import RoomVersion, room_version
from hs_plugins.rooms.api import EventRow, RoomInfo, RoomsRead, StateRoot

MAX_MEMBERS: Final = 300_000
"""Local members in memory, of all rooms together."""
READ_AT_ONCE: Final = 500
"""Members' events that are read in one query."""

CREATE: Final = ("m.room.create", "")
POWER_LEVELS: Final = ("m.room.power_levels", "")
MEMBER: Final = "m.room.member"


@dataclass(slots=True)
class RoomBook:
    """A room at one of its states."""

    root: StateRoot
    version: RoomVersion
    creators: frozenset[UserId]
    members: dict[UserId, str | None]
    """The members of this server, with their display names."""
    joined: int
    """How many members there are, of all servers."""
    counted_at: int
    """The position in the stream of room events at which they were counted."""
    power: PowerLevels
    weight: int

    def continues(self, row: EventRow) -> bool:
        """Whether an event comes just after this state, and is all that changes it."""
        return row.state_before == self.root and row.state_after == row.room_state

    def apply(self, position: int, row: EventRow, content: Mapping[str, Any], server_name: ServerName) -> None:
        """A state event that `continues` has become part of the state."""
        self.root = row.room_state
        key = (row.type, row.state_key)
        if row.type == MEMBER:
            self._moved(position, row, content, server_name)
        elif key == POWER_LEVELS:
            self.power = PowerLevels.from_content(content, self.version, self.creators)

    def _moved(self, position: int, row: EventRow, content: Mapping[str, Any], server_name: ServerName) -> None:
        user = UserId(row.state_key or "")
        if position > self.counted_at:
            self.joined += (row.membership == "join") - was_joined(row)
            self.counted_at = position
        if is_of(server_name, user):
            self.put(user, content)

    def put(self, user: UserId, content: Mapping[str, Any]) -> None:
        """A local user's member event says this."""
        if content.get("membership") == "join":
            name = content.get("displayname")
            self.members[user] = name if isinstance(name, str) else None
        else:
            self.members.pop(user, None)


@dataclass
class RoomBooks:
    """The rooms in memory."""

    read: RoomsRead
    server_name: ServerName

    def __post_init__(self) -> None:
        self._books: LRU[RoomId, RoomBook] = LRU(MAX_MEMBERS, lambda book: book.weight)

    def get(self, room_id: RoomId) -> RoomBook | None:
        """The room, at whichever state."""
        return self._books.get(room_id)

    async def bring_to(self, room_id: RoomId, root: StateRoot) -> None:
        """Have the room in memory, at this state."""
        info = (await self.read.members.rooms([room_id])).get(room_id)
        if info is None:
            return
        book = self._books.get(room_id)
        if book is None:
            self._books[room_id] = await self._load(info, root)
        elif book.root != root:
            changed = await self.read.states.difference(book.root, root)
            await self._put_all(book, changed)
            book.root, book.joined, book.counted_at = root, info.joined_members, info.position

    async def _load(self, info: RoomInfo, root: StateRoot) -> RoomBook:
        version = room_version(info.version)
        ids = await self.read.states.ids(root)
        create = await self._event(ids.get(CREATE))
        creators = frozenset() if create is None else room_creators(create)
        power = PowerLevels.from_content({}, version, creators)
        if create is not None and POWER_LEVELS not in ids:
            power = PowerLevels.of_room(None, create)
        book = RoomBook(root, version, creators, {}, info.joined_members, info.position, power, 0)
        await self._put_all(book, ids)
        book.weight = 1 + len(book.members)
        return book

    async def _put_all(self, book: RoomBook, changed: Mapping[StateKey, EventId | None]) -> None:
        wanted = [key for key in changed if key == POWER_LEVELS or self._is_local_member(key)]
        for start in range(0, len(wanted), READ_AT_ONCE):
            keys = wanted[start : start + READ_AT_ONCE]
            events = await self._events([event_id for key in keys if (event_id := changed[key]) is not None])
            for key in keys:
                event = events.get(changed[key] or EventId(""))
                content = {} if event is None else event.content
                if key == POWER_LEVELS:
                    book.power = PowerLevels.from_content(content, book.version, book.creators)
                else:
                    book.put(UserId(key[1]), content)

    def _is_local_member(self, key: StateKey) -> bool:
        return key[0] == MEMBER and is_of(self.server_name, key[1])

    async def _event(self, event_id: EventId | None) -> Event | None:
        return None if event_id is None else (await self._events([event_id])).get(event_id)

    async def _events(self, event_ids: Collection[EventId]) -> dict[EventId, Event]:
        loaded = await self.read.timelines.events(event_ids)
        return {event_id: stored.event for event_id, stored in loaded.items()}


def is_of(server_name: ServerName, user: str) -> bool:
    """Whether a user is one of this server's."""
    return user.endswith(server_name) and ":" in user and server_name_of(user) == server_name


def was_joined(row: EventRow) -> bool:
    """Whether the user of a member event was in the room before it."""
    return row.prev_content is not None and orjson.loads(row.prev_content).get("membership") == "join"
