"""Guests leave a room that does not want guests any more (client-server API, "Guest Access")."""

import asyncio

import structlog

from hs_core.clock import Clock
from hs_core.db import DatabaseUnavailable
from hs_core.errors import MatrixError
from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.identifiers import RoomId, ServerName, UserId, server_name_of
from hs_core.streams.batch import Batch
from hs_plugins.login.api import Users
from hs_plugins.rooms.api import Draft, EventRow, Rooms, RoomsRead

log = structlog.get_logger(__name__)

RETRY_SECONDS = 1.0
"""Between tries while the database is away."""

GUEST_ACCESS = ("m.room.guest_access", "")


async def lets_guests_in(read: RoomsRead, room_id: RoomId) -> bool:
    """Whether `m.room.guest_access` "is present on the room, and has the `guest_access` value `can_join`"."""
    info = (await read.members.rooms([room_id])).get(room_id)
    access = await read.states.event(info.state, GUEST_ACCESS) if info else None
    return access is not None and access.event.content.get("guest_access") == "can_join"


class GuestKeeper:
    """Follows the events stream, and makes guests leave."""

    def __init__(self, server_name: ServerName, rooms: Rooms, read: RoomsRead, users: Users, clock: Clock) -> None:
        self._server_name = server_name
        self._rooms = rooms
        self._read = read
        self._users = users
        self._clock = clock
        self._changed: asyncio.Queue[RoomId] = asyncio.Queue()

    def hear(self, batch: Batch[EventRow]) -> None:
        """Note the rooms in which guest access has changed."""
        for _, row in batch.rows:
            if (row.type, row.state_key) == GUEST_ACCESS:
                self._changed.put_nowait(row.room_id)

    async def run(self) -> None:
        """ "If the `m.room.guest_access` event is changed to stop this from being the case, the server MUST set those
        users' `m.room.member` state to `leave`." In as many processes as there are: who has left cannot leave again.
        """
        while True:
            room_id = await self._changed.get()
            try:
                await self._look_after(room_id)
            except DatabaseUnavailable:
                self._changed.put_nowait(room_id)
                await self._clock.sleep(RETRY_SECONDS)

    async def _look_after(self, room_id: RoomId) -> None:
        if await lets_guests_in(self._read, room_id):
            return
        for member in await self._read.members.in_room(room_id):
            if server_name_of(member.user_id) == self._server_name:
                await self._remove_if_guest(room_id, member.user_id)

    async def _remove_if_guest(self, room_id: RoomId, user: UserId) -> None:
        account = await self._users.account(user)
        if account is None or not account.is_guest:
            return
        draft = Draft(sender=user, type="m.room.member", state_key=user, content={"membership": "leave"})
        try:
            await self._rooms.send(room_id, draft)
        except (MatrixError, ProtocolError) as error:
            log.warning("a guest could not be made to leave", room=room_id, user=user, error=str(error))
