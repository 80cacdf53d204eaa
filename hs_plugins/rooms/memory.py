"""What the owner of a room keeps of it in memory, and how a cold room is loaded: one read, whatever its size."""

from dataclasses import dataclass

from hs_core.db import Transaction
from hs_core.matrix.auth import AuthState
from hs_core.matrix.identifiers import EventId, RoomId
from hs_core.matrix.room_version import RoomVersion, room_version
from hs_plugins.rooms.state_map import NodeHash
from hs_plugins.rooms.view import StateView


@dataclass(frozen=True, slots=True)
class Extremity:
    """One of the newest events of a room: nothing that we know refers to it yet."""

    depth: int
    state_after: NodeHash


@dataclass(slots=True)
class RoomMemory:
    """A room as its last operation left it, which the database may learn of in a moment."""

    room_id: RoomId
    version: RoomVersion
    extremities: dict[EventId, Extremity]
    view: StateView
    """The current state."""
    auth: AuthState
    """The same as the authorisation rules see it, with power levels parsed."""

    @property
    def state(self) -> NodeHash:
        return self.view.root


@dataclass(frozen=True, slots=True)
class StoredRoom:
    """What the database says of a room."""

    version: RoomVersion
    state: NodeHash
    extremities: dict[EventId, Extremity]


_ROOM = "SELECT version, state FROM rooms WHERE room_id = ?"

_EXTREMITIES = """
    SELECT f.event_id, e.depth, e.state_after
    FROM forward_extremities f JOIN events e ON e.event_id = f.event_id
    WHERE f.room_id = ?
"""


def load_room(tx: Transaction, room_id: RoomId) -> StoredRoom | None:
    """The room as the last commit left it; `None` if this server does not know it, or is only about to."""
    room = tx.one(_ROOM, (room_id,))
    if room is None:
        return None
    tips = tx.all(_EXTREMITIES, (room_id,))
    if not tips:
        return None
    return StoredRoom(
        room_version(room[0]), room[1], {event_id: Extremity(depth, state) for event_id, depth, state in tips}
    )
