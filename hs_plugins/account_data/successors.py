"""Users who follow a room to the one that replaces it keep what they have set there (client-server API, "Room
Upgrades"): "When a user joins the new room, the server should automatically transfer/replicate some of the user's
personalized settings such as notifications, tags, etc."
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

import orjson
import structlog

from hs_core.clock import Clock
from hs_core.db import DatabaseUnavailable
from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.identifiers import RoomId, ServerName, UserId, parse_room_id, server_name_of
from hs_core.plugin.hooks import Hooks
from hs_core.plugin.hookspecs import room_succeeded
from hs_core.streams.batch import Batch
from hs_core.streams.writer import Writer
from hs_plugins.account_data.rows import AccountDataRow
from hs_plugins.rooms.api import EventRow, RoomsRead

log = structlog.get_logger(__name__)

MOST_WAITING: Final = 10_000
"""New rooms that wait for their turn; more are left out, for it is a convenience."""
RETRY_SECONDS: Final = 1.0
"""Between tries while the database is away."""

CREATE, TOMBSTONE = ("m.room.create", ""), ("m.room.tombstone", "")


@dataclass(frozen=True)
class Successors:
    """Knows which rooms replace which, and tells who has followed."""

    read: RoomsRead
    hooks: Hooks

    async def joined(self, room_id: RoomId, user_id: UserId) -> None:
        """A local user is in a room."""
        old = await self.replaced_by(room_id)
        if old is not None:
            await self.followed(user_id, old, room_id)

    async def followed(self, user_id: UserId, old: RoomId, new: RoomId) -> None:
        """A local user is in a room that replaces another; perhaps they have been in that."""
        if await self.read.members.membership(old, user_id) is not None:
            await self.hooks.notify(room_succeeded, user_id, old, new)

    async def replaced_by(self, room_id: RoomId) -> RoomId | None:
        """The room that this one replaces, if they agree about that: anybody can make a room that says it does."""
        predecessor = (await self._state(room_id, CREATE)).get("predecessor")
        old = _room_id(predecessor.get("room_id")) if isinstance(predecessor, dict) else None
        if old is None or (await self._state(old, TOMBSTONE)).get("replacement_room") != room_id:
            return None
        return old

    async def _state(self, room_id: RoomId, key: tuple[str, str]) -> dict[str, object]:
        room = (await self.read.members.rooms([room_id])).get(room_id)
        event = await self.read.states.event(room.state, key) if room is not None else None
        return dict(event.event.content) if event is not None else {}


@dataclass(frozen=True)
class Tombstones:
    """Follows the events: whoever upgrades a room is in the new one before the old one says so, as others may be."""

    server_name: ServerName
    writer: Writer[AccountDataRow]
    successors: Successors
    clock: Clock
    rooms: asyncio.Queue[RoomId] = field(default_factory=lambda: asyncio.Queue(MOST_WAITING))
    """Those that replace others."""

    def hear(self, batch: Batch[EventRow]) -> None:
        """Note which rooms are replaced."""
        for _, row in batch.rows:
            if (row.type, row.state_key) == TOMBSTONE:
                room_id = _room_id(orjson.loads(row.client_json)["content"].get("replacement_room"))
                if room_id is not None:
                    self._note(room_id)

    async def run(self) -> None:
        """For as long as the plugin is active: in each process for the users that it owns."""
        while True:
            room_id = await self.rooms.get()
            try:
                await self._look_after(room_id)
            except DatabaseUnavailable:
                self._note(room_id)
                await self.clock.sleep(RETRY_SECONDS)

    def _note(self, room_id: RoomId) -> None:
        if self.rooms.full():
            log.warning("too many rooms are replaced at once, settings stay behind", room=room_id)
        else:
            self.rooms.put_nowait(room_id)

    async def _look_after(self, room_id: RoomId) -> None:
        old = await self.successors.replaced_by(room_id)
        if old is None:
            return
        for member in await self.successors.read.members.in_room(room_id):
            if server_name_of(member.user_id) == self.server_name and self.writer.owns(member.user_id):
                await self.successors.followed(member.user_id, old, room_id)


def _room_id(value: object) -> RoomId | None:
    try:
        return parse_room_id(value)
    except ProtocolError:
        return None
