"""Which rooms there are, and who is in them."""

from collections.abc import Collection

from hs_core.db import Database, Transaction
from hs_core.matrix.identifiers import RoomId, UserId
from hs_plugins.rooms.api import Crowd, Membership, RoomInfo
from hs_plugins.rooms.store.each_room import for_each_room

_ROOMS = """
    SELECT room_id, version, creator, state, joined_members, invited_members, position
    FROM rooms WHERE room_id = ANY(?) AND position > 0
"""

_MEMBERSHIP = "SELECT room_id, user_id, membership, event_id, sender, position, forgotten FROM memberships"
_ONE = f"{_MEMBERSHIP} WHERE room_id = ? AND user_id = ?"
_OF_USER = f"{_MEMBERSHIP} WHERE user_id = ? ORDER BY position"
_OF_USER_IN = f"{_MEMBERSHIP} WHERE user_id = ? AND membership = ANY(?) ORDER BY position"
_IN_ROOM = f"{_MEMBERSHIP} WHERE room_id = ? AND membership = ANY(?) ORDER BY position"
_ALL_IN_ROOM = f"{_MEMBERSHIP} WHERE room_id = ? ORDER BY position"

_COUNTS = "SELECT room_id, joined_members, invited_members FROM rooms WHERE room_id = ANY(?) AND position > 0"
_FIRST_IN_ROOM = """
    SELECT room_id, user_id, position FROM memberships
    WHERE room_id = {room} AND membership = ? ORDER BY position LIMIT ?
"""


class StoredMembers:
    """`Members` out of the tables `rooms` and `memberships`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def rooms(self, room_ids: Collection[RoomId]) -> dict[RoomId, RoomInfo]:
        if not room_ids:
            return {}
        rows = await self._db.read(lambda tx: tx.all(_ROOMS, (list(room_ids),)))
        return {row[0]: RoomInfo(*row) for row in rows}

    async def membership(self, room_id: RoomId, user_id: UserId) -> Membership | None:
        row = await self._db.read(lambda tx: tx.one(_ONE, (room_id, user_id)))
        return Membership(*row) if row else None

    async def of_user(self, user_id: UserId, memberships: Collection[str] = ()) -> list[Membership]:
        if memberships:
            rows = await self._db.read(lambda tx: tx.all(_OF_USER_IN, (user_id, list(memberships))))
        else:
            rows = await self._db.read(lambda tx: tx.all(_OF_USER, (user_id,)))
        return [Membership(*row) for row in rows]

    async def in_room(self, room_id: RoomId, memberships: Collection[str] = ("join",)) -> list[Membership]:
        if memberships:
            rows = await self._db.read(lambda tx: tx.all(_IN_ROOM, (room_id, list(memberships))))
        else:
            rows = await self._db.read(lambda tx: tx.all(_ALL_IN_ROOM, (room_id,)))
        return [Membership(*row) for row in rows]

    async def crowds(
        self, room_ids: Collection[RoomId], user_id: UserId, limit: int, *, named: Collection[RoomId]
    ) -> dict[RoomId, Crowd]:
        nameless = [room_id for room_id in room_ids if room_id not in named]

        def read(tx: Transaction) -> dict[RoomId, Crowd]:
            first = _first(tx, nameless, user_id, ("join", "invite"), limit)
            alone = [room_id for room_id in nameless if not first[room_id]]
            first |= _first(tx, alone, user_id, ("leave", "ban"), limit)
            counts = tx.all(_COUNTS, (list(room_ids),))
            return {room_id: Crowd(joined, invited, first.get(room_id, [])) for room_id, joined, invited in counts}

        return await self._db.read(read, rows=len(room_ids) * (1 + 4 * (limit + 1))) if room_ids else {}


def _first(
    tx: Transaction, room_ids: Collection[RoomId], user_id: UserId, memberships: Collection[str], limit: int
) -> dict[RoomId, list[UserId]]:
    """Membership by membership, as the index has them: a large room is not read to its end."""
    found: dict[RoomId, list[tuple[int, UserId]]] = {room_id: [] for room_id in room_ids}
    for membership in memberships if room_ids else ():
        for room_id, other, position in for_each_room(tx, room_ids, _FIRST_IN_ROOM, (membership, limit + 1)):
            if other != user_id:
                found[room_id].append((position, other))
    return {room_id: [other for _, other in sorted(each)[:limit]] for room_id, each in found.items()}
