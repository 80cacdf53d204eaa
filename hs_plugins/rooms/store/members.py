"""Who is in which room, out of the `memberships` table."""

from collections.abc import Collection, Iterator

from hs_core.db import Transaction
from hs_core.matrix.identifiers import RoomId, ServerName, UserId
from hs_plugins.rooms.places import Place
from hs_plugins.rooms.store.events import parse_stored

MAX_MEMBERSHIPS = 200
"""Changes of one user's membership, latest first, that are looked at."""

_FORGET = """
    UPDATE memberships SET forgotten = TRUE
    WHERE room_id = ? AND user_id = ? AND membership NOT IN ('join', 'invite', 'knock')
"""

_JOINED_TO = """
    SELECT 1 FROM memberships WHERE user_id = ? AND membership = 'join' AND room_id = ANY(?) LIMIT 1
"""

_JOINED_OF = "SELECT user_id FROM memberships WHERE room_id = ? AND membership = 'join' AND user_id = ANY(?)"

_LOCAL_MEMBER = """
    SELECT user_id FROM memberships
    WHERE room_id = ? AND membership = 'join' AND user_id LIKE ? ESCAPE '!' ORDER BY position LIMIT 1
"""

_OWN_MEMBERSHIPS = """
    SELECT e.event_id, r.version, e.json, e.depth, e.position FROM events e JOIN rooms r ON r.room_id = e.room_id
    WHERE e.room_id = ? AND e.state_key = ? AND e.type = 'm.room.member' AND e.position IS NOT NULL
    ORDER BY e.position DESC LIMIT ?
"""


def past_memberships(tx: Transaction, room_id: RoomId, user_id: UserId) -> Iterator[tuple[object, Place]]:
    """What the user's member events said, and the places just after them, the latest first."""
    for event_id, version, json, depth, position in tx.all(_OWN_MEMBERSHIPS, (room_id, user_id, MAX_MEMBERSHIPS)):
        yield parse_stored(event_id, version, json).content.get("membership"), Place(depth, position)


def forget(tx: Transaction, room_id: RoomId, user_id: UserId) -> bool:
    """Mark a room that the user has left as forgotten; whether they have left it."""
    return tx.run(_FORGET, (room_id, user_id)) > 0


def joined_to_any(tx: Transaction, user_id: UserId, room_ids: Collection[RoomId]) -> bool:
    """Whether the user is joined to one of these rooms."""
    return tx.one(_JOINED_TO, (user_id, list(room_ids))) is not None


def joined_of(tx: Transaction, room_id: RoomId, user_ids: Collection[UserId]) -> set[UserId]:
    """Those of the users who are joined to the room."""
    return {row[0] for row in tx.all(_JOINED_OF, (room_id, list(user_ids)))}


def local_member(tx: Transaction, room_id: RoomId, server_name: ServerName) -> UserId | None:
    """The longest joined of a server's users in the room."""
    escaped = server_name.replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return tx.value(_LOCAL_MEMBER, (room_id, f"%:{escaped}"))
