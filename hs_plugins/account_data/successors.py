"""Users who follow a room to the one that replaces it keep what they have set there (client-server API, "Room
Upgrades"): "When a user joins the new room, the server should automatically transfer/replicate some of the user's
personalized settings such as notifications, tags, etc."
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import orjson
import structlog

from hs_core.clock import Clock
from hs_core.cluster.leases import NotOwner
from hs_core.db import DatabaseUnavailable
from hs_core.errors import MatrixError
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
"""Moves that wait for their turn; more are left out, for it is a convenience."""
RETRY_SECONDS: Final = 1.0
"""Between tries while the database is away."""

CREATE, TOMBSTONE = ("m.room.create", ""), ("m.room.tombstone", "")


class Move(NamedTuple):
    """Somebody, or everybody, has come into a room that may replace another one."""

    room_id: RoomId
    user_id: UserId | None


@dataclass(frozen=True)
class Successors:
    """Follows the events, and says of each user that this process owns which room they have followed where."""

    server_name: ServerName
    writer: Writer[AccountDataRow]
    read: RoomsRead
    hooks: Hooks
    clock: Clock
    moves: asyncio.Queue[Move] = field(default_factory=lambda: asyncio.Queue(MOST_WAITING))

    def hear(self, batch: Batch[EventRow]) -> None:
        """Note who joins, and which rooms are replaced: whoever upgrades a room is in the new one before that."""
        for _, row in batch.rows:
            if row.type == "m.room.member" and row.membership == "join" and row.state_key:
                user = UserId(row.state_key)
                if self._is_ours(user) and not _was_joined(row):
                    self._note(Move(row.room_id, user))
            elif (row.type, row.state_key) == TOMBSTONE:
                room = _room_id(orjson.loads(row.client_json)["content"].get("replacement_room"))
                if room is not None:
                    self._note(Move(room, None))

    async def run(self) -> None:
        """For as long as the plugin is active."""
        while True:
            move = await self.moves.get()
            try:
                await self._tell(move)
            except DatabaseUnavailable:
                self._note(move)
                await self.clock.sleep(RETRY_SECONDS)
            except (MatrixError, ProtocolError, NotOwner) as error:
                log.warning("settings were not moved to a new room", room=move.room_id, error=str(error))

    def _note(self, move: Move) -> None:
        if self.moves.full():
            log.warning("too many have moved at once, settings stay behind", room=move.room_id, user=move.user_id)
        else:
            self.moves.put_nowait(move)

    async def _tell(self, move: Move) -> None:
        old = await self._replaced_by(move.room_id)
        if old is None:
            return
        for user in await self._users(move):
            if await self.read.members.membership(old, user) is not None:
                await self.hooks.notify(room_succeeded, user, old, move.room_id)

    async def _users(self, move: Move) -> Sequence[UserId]:
        if move.user_id is not None:
            return [move.user_id]
        return [each.user_id for each in await self.read.members.in_room(move.room_id) if self._is_ours(each.user_id)]

    async def _replaced_by(self, room_id: RoomId) -> RoomId | None:
        """The room that this one replaces, if they agree about that: anybody can make a room that says it does."""
        create = await self._state(room_id, CREATE)
        predecessor = create.get("predecessor")
        old = _room_id(predecessor.get("room_id")) if isinstance(predecessor, dict) else None
        if old is None or (await self._state(old, TOMBSTONE)).get("replacement_room") != room_id:
            return None
        return old

    async def _state(self, room_id: RoomId, key: tuple[str, str]) -> dict[str, object]:
        room = (await self.read.members.rooms([room_id])).get(room_id)
        event = await self.read.states.event(room.state, key) if room is not None else None
        return dict(event.event.content) if event is not None else {}

    def _is_ours(self, user: UserId) -> bool:
        return server_name_of(user) == self.server_name and self.writer.owns(user)


def _was_joined(row: EventRow) -> bool:
    return row.prev_content is not None and orjson.loads(row.prev_content).get("membership") == "join"


def _room_id(value: object) -> RoomId | None:
    try:
        return parse_room_id(value)
    except ProtocolError:
        return None
