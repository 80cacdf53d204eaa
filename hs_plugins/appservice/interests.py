"""Which events concern an application service ("Registration", `namespaces`)."""

from __future__ import annotations

from collections.abc import Iterable

from hs_core.matrix.identifiers import RoomAlias, RoomId
from hs_plugins.appservice.households import MEMBER, Households
from hs_plugins.appservice.registered import Registered
from hs_plugins.directory.api import DirectoryRead
from hs_plugins.rooms.api import EventRow, RoomsRead


class Interests:
    """Those of one service."""

    def __init__(self, registered: Registered, rooms: RoomsRead, directory: DirectoryRead) -> None:
        self._registered = registered
        self._directory = directory
        self._households = Households(registered, rooms)
        self._named: dict[RoomId, bool] = {}

    async def look_anew(self, rows: Iterable[EventRow]) -> None:
        """Aliases may have changed: see which rooms have some, those of these events together."""
        self._named.clear()
        if self._registered.has_aliases:
            rooms = dict.fromkeys(row.room_id for row in rows)
            aliases = await self._directory.of_rooms(rooms)
            self._named.update({room_id: self._has_any(aliases.get(room_id, ())) for room_id in rooms})

    async def concerns(self, row: EventRow) -> bool:
        """ "Events will be sent to the AS if a local user matching one of the namespaces is the target of the event,
        or is a joined member of the room where the event occurred"; "all events sent in a room with an ID", "with an
        alias which matches one of the namespaces".
        """
        registered = self._registered
        if row.type == MEMBER and registered.has_user(row.state_key or ""):
            await self._households.has_member(row)  # so that it is known what is true of the room from now on
            return True
        if registered.has_user(row.sender) or registered.has_room(row.room_id):
            return True
        return await self._is_named(row.room_id) or await self._households.has_member(row)

    async def concerns_room(self, room_id: RoomId) -> bool:
        """The same for what is no event of the room, but happens there."""
        if self._registered.has_room(room_id) or await self._is_named(room_id):
            return True
        return await self._households.has_member_now(room_id)

    def has_user(self, user: str) -> bool:
        """Whether a user is one of the service's."""
        return self._registered.has_user(user)

    async def _is_named(self, room_id: RoomId) -> bool:
        """Whether the room has an alias in a namespace."""
        if not self._registered.has_aliases:
            return False
        named = self._named.get(room_id)
        if named is None:
            named = self._named[room_id] = self._has_any(await self._directory.of_room(room_id))
        return named

    def _has_any(self, aliases: Iterable[RoomAlias]) -> bool:
        return any(map(self._registered.has_alias, aliases))
