"""Relations between events, out of the `relations` table; a redacted event has none there any more.

An event may name a parent in another room. That is no relation there, and nothing that the other room should hear of.
"""

from collections.abc import Collection
from dataclasses import dataclass

from hs_core.db import Row, Transaction
from hs_core.matrix.identifiers import EventId, RoomId, UserId
from hs_plugins.rooms.places import Place

_COLUMNS = "event_id, parent, rel_type, type, sender, depth, position"

_OF_PARENT = f"SELECT {_COLUMNS} FROM relations WHERE parent = ? AND room_id = ?"
_BEFORE = " AND (depth, position) <= (?, ?) AND (depth, position) > (?, ?) ORDER BY depth DESC, position DESC LIMIT ?"
_AFTER = " AND (depth, position) > (?, ?) AND (depth, position) <= (?, ?) ORDER BY depth, position LIMIT ?"

_PARENTS = "SELECT DISTINCT parent FROM relations WHERE room_id = ? AND parent = ANY(?)"

_EDITS_AND_REFERENCES = """
    SELECT parent, event_id, rel_type, sender FROM relations
    WHERE room_id = ? AND parent = ANY(?) AND rel_type IN ('m.replace', 'm.reference')
    ORDER BY depth, position LIMIT ?
"""

_LATEST_OF_THREAD = """
    SELECT event_id FROM relations WHERE room_id = ? AND parent = ? AND rel_type = 'm.thread'
    ORDER BY depth DESC, position DESC LIMIT ?
"""

_THREAD_SENDERS = """
    SELECT parent, sender, COUNT(*) FROM relations
    WHERE room_id = ? AND parent = ANY(?) AND rel_type = 'm.thread' GROUP BY parent, sender
"""

# A thread stands where its latest event does: events of threads from the end, but for those that another one follows.
_THREADS = """
    SELECT r.parent, r.event_id, r.depth, r.position FROM relations r
    WHERE r.room_id = ? AND r.rel_type = 'm.thread' AND (r.depth, r.position) <= (?, ?) AND NOT EXISTS (
        SELECT 1 FROM relations later
        WHERE later.room_id = r.room_id AND later.parent = r.parent AND later.rel_type = 'm.thread'
        AND (later.depth, later.position) > (r.depth, r.position))
"""
_PARTICIPATED = """
    AND (EXISTS (SELECT 1 FROM relations own
                 WHERE own.parent = r.parent AND own.rel_type = 'm.thread' AND own.sender = ?)
         OR EXISTS (SELECT 1 FROM events root WHERE root.event_id = r.parent AND root.sender = ?))
"""
_LATEST_FIRST = " ORDER BY r.depth DESC, r.position DESC LIMIT ?"

_FORGET = "DELETE FROM relations WHERE event_id = ?"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Which part of a timeline, in which direction, and how much of it at most."""

    start: Place
    stop: Place
    backwards: bool
    limit: int


def children(
    tx: Transaction, room_id: RoomId, parent: EventId, bounds: Bounds, *, rel_type: str | None, event_type: str | None
) -> list[Row]:
    """The events that relate to `parent`, as rows of event ID, parent, relation, type, sender, depth and position."""
    sql, params = _OF_PARENT, [str(parent), str(room_id)]
    for column, value in (("rel_type", rel_type), ("type", event_type)):
        if value is not None:
            sql += f" AND {column} = ?"
            params.append(value)
    start, stop = bounds.start, bounds.stop
    within = (start.depth, start.position, stop.depth, stop.position, bounds.limit)
    return tx.all(sql + (_BEFORE if bounds.backwards else _AFTER), (*params, *within))


def parents(tx: Transaction, room_id: RoomId, event_ids: Collection[EventId]) -> list[EventId]:
    """Those of the events that others relate to."""
    return [row[0] for row in tx.all(_PARENTS, (room_id, list(event_ids)))]


def edits_and_references(
    tx: Transaction, room_id: RoomId, parents: Collection[EventId], limit: int
) -> list[tuple[EventId, EventId, str, UserId]]:
    """Parent, child, relation and the child's sender, oldest first."""
    return [(row[0], row[1], row[2], row[3]) for row in tx.all(_EDITS_AND_REFERENCES, (room_id, list(parents), limit))]


def latest_of_thread(tx: Transaction, room_id: RoomId, root: EventId, limit: int) -> list[EventId]:
    """The latest events of a thread, the latest first."""
    return [row[0] for row in tx.all(_LATEST_OF_THREAD, (room_id, root, limit))]


def thread_senders(tx: Transaction, room_id: RoomId, roots: Collection[EventId]) -> dict[EventId, dict[UserId, int]]:
    """How many events of each thread each user sent."""
    counts: dict[EventId, dict[UserId, int]] = {}
    for root, sender, count in tx.all(_THREAD_SENDERS, (room_id, list(roots))):
        counts.setdefault(root, {})[sender] = count
    return counts


def threads(
    tx: Transaction, room_id: RoomId, start: Place, limit: int, participant: UserId | None
) -> list[tuple[EventId, Place]]:
    """Roots of threads of a room with the places of their latest events, the latest of them first."""
    sql = _THREADS
    params: list[str | int] = [room_id, start.depth, start.position]
    if participant is not None:
        sql += _PARTICIPATED
        params += [participant, participant]
    rows = tx.all(sql + _LATEST_FIRST, (*params, limit))
    return [(parent, Place(depth, position)) for parent, _, depth, position in rows]


def forget_relations(tx: Transaction, event_ids: Collection[EventId]) -> None:
    """These events were redacted: they relate to nothing any more."""
    tx.run_many(_FORGET, [(event_id,) for event_id in event_ids])
