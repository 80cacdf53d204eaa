"""The same bounded question about many rooms, in one go.

Here the dialects disagree: PostgreSQL has LATERAL, which saves round trips; SQLite has neither, and asks room by room.
A join that both understand would leave it to PostgreSQL's planner whether it reads the rooms to their beginnings.
"""

from collections.abc import Collection, Sequence

from hs_core.db import Param, Row, Transaction
from hs_core.matrix.identifiers import RoomId


def for_each_room(tx: Transaction, room_ids: Collection[RoomId], query: str, params: Sequence[Param]) -> list[Row]:
    """The rows of `query` for each of the rooms, in no particular order of rooms.

    `{room}` stands in it for the room's ID, before all parameters.
    """
    if tx.engine == "sqlite":
        one = query.format(room="?")
        return [row for room_id in room_ids for row in tx.all(one, (room_id, *params))]
    lateral = query.format(room="r.room_id")
    return tx.all(
        f"SELECT found.* FROM rooms r CROSS JOIN LATERAL ({lateral}) found WHERE r.room_id = ANY(?)",
        (*params, list(room_ids)),
    )
