"""Purges of history: what was asked for, how far it has come, and the deleting itself."""

from hs_core.db import Transaction
from hs_core.matrix.identifiers import EventId, RoomId
from hs_plugins.rooms.places import Place, Purge

_BEGIN = """
    INSERT INTO purges (purge_id, room_id, depth, position, started_ts, purged) VALUES (?, ?, ?, ?, ?, 0)
"""

_PURGE = "SELECT purge_id, room_id, depth, position, purged, finished_ts FROM purges"
_ONE = f"{_PURGE} WHERE purge_id = ? AND room_id = ?"
_UNFINISHED = f"{_PURGE} WHERE finished_ts IS NULL ORDER BY started_ts, purge_id LIMIT ?"

_PROGRESS = "UPDATE purges SET purged = purged + ?, finished_ts = ? WHERE purge_id = ?"

_OF_EVENT = "SELECT depth, position - 1 FROM events WHERE event_id = ? AND room_id = ? AND position IS NOT NULL"
_OF_TIME = """
    SELECT depth, position FROM events
    WHERE room_id = ? AND origin_server_ts < ? AND position IS NOT NULL
    ORDER BY origin_server_ts DESC, position DESC LIMIT 1
"""

_NEXT = """
    SELECT event_id, state_key IS NOT NULL FROM events
    WHERE room_id = ? AND position IS NOT NULL AND (depth, position) <= (?, ?)
        AND event_id NOT IN (SELECT event_id FROM forward_extremities WHERE room_id = ?)
    ORDER BY depth, position LIMIT ?
"""

_SET_ASIDE = """
    UPDATE events SET position = NULL, state_before = NULL, state_after = NULL, room_state = NULL
    WHERE event_id = ANY(?)
"""


def place_before(tx: Transaction, room_id: RoomId, event_id: EventId) -> Place | None:
    """The place in a room's timeline just before an event."""
    row = tx.one(_OF_EVENT, (event_id, room_id))
    return Place(*row) if row else None


def place_at_time(tx: Transaction, room_id: RoomId, timestamp: int) -> Place | None:
    """The place just after the last event that is older than a time, in milliseconds since the epoch."""
    row = tx.one(_OF_TIME, (room_id, timestamp))
    return Place(*row) if row else None


def begin_purge(tx: Transaction, purge_id: str, room_id: RoomId, up_to: Place, now: int) -> None:
    """Write down that a room is to be purged."""
    tx.run(_BEGIN, (purge_id, room_id, up_to.depth, up_to.position, now))


def purge_of(tx: Transaction, purge_id: str, room_id: RoomId) -> Purge | None:
    """One purge of a room."""
    row = tx.one(_ONE, (purge_id, room_id))
    return Purge(*row) if row else None


def unfinished(tx: Transaction, limit: int) -> list[Purge]:
    """Purges that have work left, the oldest first."""
    return [Purge(*row) for row in tx.all(_UNFINISHED, (limit,))]


def purge_some(tx: Transaction, purge: Purge, limit: int, now: int) -> list[EventId]:
    """Purge up to `limit` events, and say which; none are left if there were fewer.

    State events stay, as what states and auth chains are made of, but lose their place in the timeline.
    """
    room_id = purge.room_id
    rows = tx.all(_NEXT, (room_id, purge.depth, purge.position, room_id, limit))
    state = [event_id for event_id, is_state in rows if is_state]
    others = [event_id for event_id, is_state in rows if not is_state]
    tx.run(_SET_ASIDE, (state,))
    tx.run("DELETE FROM events WHERE event_id = ANY(?)", (others,))
    tx.run("DELETE FROM relations WHERE event_id = ANY(?)", (others,))
    tx.run("DELETE FROM timeline_gaps WHERE event_id = ANY(?)", ([*state, *others],))
    tx.run(_PROGRESS, (len(rows), now if len(rows) < limit else None, purge.purge_id))
    return [*state, *others]
