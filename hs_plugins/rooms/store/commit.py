"""Write what operations did to rooms: a group of them, in one transaction, with a fixed number of statements."""

from collections.abc import Sequence
from typing import Any

from hs_core.db import Transaction
from hs_core.matrix.canonical_json import encode_canonical
from hs_core.matrix.event import Event
from hs_core.matrix.identifiers import EventId, RoomId, UserId
from hs_core.streams.writer import Log
from hs_plugins.rooms.change import NewEvent, RoomChange, Standing
from hs_plugins.rooms.rows import EventRow, event_row
from hs_plugins.rooms.state_map import encode_node
from hs_plugins.rooms.store.relations import forget_relations
from hs_plugins.rooms.store.transactions import scoped_transaction

_NODE = "INSERT INTO state_nodes (hash, node) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING"

_ROOM = """
    INSERT INTO rooms (room_id, version, creator, created_ts, state) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (room_id) DO NOTHING
"""

_PROGRESS = """
    UPDATE rooms SET state = COALESCE(?, state), joined_members = joined_members + ?,
        invited_members = invited_members + ?, position = GREATEST(position, ?)
    WHERE room_id = ?
"""

_MEMBER = """
    INSERT INTO memberships (room_id, user_id, membership, event_id, sender, position, forgotten)
    VALUES (?, ?, ?, ?, ?, ?, FALSE)
    ON CONFLICT (room_id, user_id) DO UPDATE SET membership = excluded.membership, event_id = excluded.event_id,
        sender = excluded.sender, position = excluded.position, forgotten = FALSE
"""

_NO_MEMBER = "DELETE FROM memberships WHERE room_id = ? AND user_id = ?"

_TRANSACTION = """
    INSERT INTO sent_transactions (user_id, device_id, room_id, txn_id, event_id, created_ts) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (user_id, device_id, room_id, txn_id) DO NOTHING
"""

_EXTREMITY = "INSERT INTO forward_extremities (room_id, event_id) VALUES (?, ?) ON CONFLICT DO NOTHING"
_NO_EXTREMITY = "DELETE FROM forward_extremities WHERE room_id = ? AND event_id = ?"

_REDACT = "UPDATE events SET json = ?, redacted_by = ? WHERE event_id = ?"
_AWAIT_REDACTED = "INSERT INTO pending_redactions (redacts, event_id) VALUES (?, ?) ON CONFLICT DO NOTHING"

_SETTLED = "DELETE FROM pending_redactions WHERE redacts = ? AND event_id = ?"
_RELEASE = "UPDATE events SET position = ? WHERE event_id = ?"

_RENEW = "DELETE FROM events WHERE event_id = ?"
_CITATION = "INSERT INTO auth_citations (cited, citing) VALUES (?, ?) ON CONFLICT DO NOTHING"
_GAP = "INSERT INTO timeline_gaps (room_id, event_id, missing) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_FILLED = "DELETE FROM timeline_gaps WHERE missing = ?"
_BACKFILLED = "UPDATE backfill_position SET position = position - ? RETURNING position"

_EVENT_COLUMNS = (
    "event_id", "room_id", "position", "depth", "type", "state_key", "sender", "origin_server_ts", "received_ts",
    "json", "state_before", "state_after", "room_state", "auth_chain", "replaces", "redacted_by", "rejected",
    "soft_failed", "device_id", "txn_id",
)  # fmt: skip

_RELATION = """
    INSERT INTO relations (event_id, room_id, parent, rel_type, type, sender, depth, position)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (event_id) DO NOTHING
"""


def write_changes(tx: Transaction, log: Log[EventRow], changes: Sequence[RoomChange], now: int) -> dict[EventId, int]:
    """Store what operations did, in their order, and announce the events of the timelines. `now` is in milliseconds.

    Answers with the positions of the events.
    """
    _write_what_needs_no_position(tx, changes, now)
    # An event that becomes more than a part of a state is stored anew; perhaps it never was without that.
    news = list({new.event.event_id: new for change in changes for new in change.events}.values())
    live = [new for change in changes for new in _announced(change)]
    past = [new for new in news if new.standing is Standing.PAST]
    first_past = (tx.value(_BACKFILLED, (len(past),)) or 0) if past else 0
    # The lock on the stream's position is held from here to the commit.
    first = log.reserve(len(live)) if live else 0
    positions = {new.event.event_id: first + place for place, new in enumerate(live)}
    positions |= {new.event.event_id: first_past + place for place, new in enumerate(past)}
    tx.insert_many("events", _EVENT_COLUMNS, [_columns(new, positions, now) for new in news])
    released = [new.event.event_id for change in changes for new in change.released]
    tx.run_many(_RELEASE, [(positions[event_id], event_id) for event_id in released])
    tx.run_many(_RELATION, [row for new in (*live, *past) if (row := _relation(new.event, positions))])
    # After the events: some redact others that are stored with them.
    redactions = [redaction for change in changes for redaction in change.redactions]
    tx.run_many(_REDACT, [(one.json, one.redacted_by, one.redacts) for one in redactions])
    forget_relations(tx, [redaction.redacts for redaction in redactions])
    tx.run_many(_PROGRESS, [_progress(change, positions) for change in changes])
    _write_members(tx, changes, positions)
    for new in live:
        log.put(positions[new.event.event_id], _row(new))
    return positions


def _announced(change: RoomChange) -> list[NewEvent]:
    """The events that go to the end of the timeline."""
    return [*(new for new in change.events if new.standing is Standing.LIVE), *change.released]


def _write_what_needs_no_position(tx: Transaction, changes: Sequence[RoomChange], now: int) -> None:
    nodes = {node_hash: node for change in changes for node_hash, node in change.nodes.items()}
    tx.run_many(_NODE, [(node_hash, encode_node(node)) for node_hash, node in nodes.items()])
    tx.run_many(_ROOM, [_room(change, now) for change in changes if change.creator is not None])
    tx.run_many(_TRANSACTION, [row for change in changes for new in change.events if (row := _sent(new, now))])
    tx.run_many(_RENEW, [(event_id,) for change in changes for event_id in change.renewed])
    state_events = [new.event for change in changes for new in change.events if new.auth_chain is not None]
    tx.run_many(_CITATION, [(cited, event.event_id) for event in state_events for cited in event.auth_events])
    tx.run_many(_AWAIT_REDACTED, [pair for change in changes for pair in change.awaited_redactions])
    tx.run_many(_SETTLED, [pair for change in changes for pair in change.settled_redactions])
    tx.run_many(_GAP, [(change.room_id, *gap) for change in changes for gap in change.gaps])
    tx.run_many(_FILLED, [(event_id,) for change in changes for event_id in change.filled])
    _write_extremities(tx, changes)


def _write_extremities(tx: Transaction, changes: Sequence[RoomChange]) -> None:
    """What the changes come to, for an extremity of one is often none any more after the next."""
    added: set[tuple[RoomId, EventId]] = set()
    removed: set[tuple[RoomId, EventId]] = set()
    for change in changes:
        old = {(change.room_id, event_id) for event_id in change.old_extremities}
        removed |= old - added
        added -= old
        added |= {(change.room_id, event_id) for event_id in change.new_extremities}
    tx.run_many(_NO_EXTREMITY, removed)
    tx.run_many(_EXTREMITY, added)


def _columns(new: NewEvent, positions: dict[EventId, int], now: int) -> tuple[Any, ...]:
    event = new.event
    return (
        event.event_id, event.room_id, positions.get(event.event_id), event.depth, _text(event.type),
        None if event.state_key is None else _text(event.state_key),
        event.sender, event.origin_server_ts, now, stored_json(event), new.state_before, new.state_after,
        None if new.room_state == new.state_after else new.room_state, new.auth_chain, new.replaces,
        new.redacted_by, new.rejected, new.soft_failed, new.device_id, new.txn_id,
    )  # fmt: skip


def _text(value: str) -> str:
    """Databases refuse NUL in a text; the event's JSON and the state's map keep it."""
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}")


def stored_json(event: Event) -> bytes:
    """The PDU as the `events` table holds it."""
    return encode_canonical(event.pdu, strict=event.room_version.strict_canonical_json)


def _room(change: RoomChange, now: int) -> tuple[Any, ...]:
    version = change.events[0].event.room_version.identifier
    return change.room_id, version, change.creator, now, change.state


def _sent(new: NewEvent, now: int) -> tuple[Any, ...] | None:
    if new.txn_id is None or new.device_id is None:
        return None
    event = new.event
    scoped = scoped_transaction(event.type, new.txn_id)
    return event.sender, new.device_id, event.room_id, scoped, event.event_id, now


def _relation(event: Event, positions: dict[EventId, int]) -> tuple[Any, ...] | None:
    relation = event.content.get("m.relates_to")
    if not isinstance(relation, dict):
        return None
    parent, rel_type = relation.get("event_id"), relation.get("rel_type")
    if not isinstance(parent, str) or not isinstance(rel_type, str) or "\0" in parent + rel_type:
        return None
    position = positions[event.event_id]
    return event.event_id, event.room_id, parent, rel_type, event.type, event.sender, event.depth, position


def _progress(change: RoomChange, positions: dict[EventId, int]) -> tuple[Any, ...]:
    joined = sum((member.after == "join") - (member.before == "join") for member in change.members)
    invited = sum((member.after == "invite") - (member.before == "invite") for member in change.members)
    return change.state, joined, invited, _last_position(change, positions), change.room_id


def _write_members(tx: Transaction, changes: Sequence[RoomChange], positions: dict[EventId, int]) -> None:
    """What each user is after the last of the changes."""
    final: dict[tuple[RoomId, UserId], tuple[Any, ...]] = {}
    for change in changes:
        last = _last_position(change, positions) if change.members else 0
        for one in change.members:
            position = positions.get(one.event_id, last)
            final[change.room_id, one.user_id] = (one.after, one.event_id, one.sender, position)
    tx.run_many(_NO_MEMBER, [who for who, row in final.items() if row[0] is None])
    tx.run_many(_MEMBER, [(*who, *row) for who, row in final.items() if row[0] is not None])


def _last_position(change: RoomChange, positions: dict[EventId, int]) -> int:
    return max((positions.get(new.event.event_id, 0) for new in _announced(change)), default=0)


def _row(new: NewEvent) -> EventRow:
    assert new.state_before is not None
    assert new.state_after is not None
    assert new.room_state is not None
    return event_row(
        new.event,
        state_before=new.state_before,
        state_after=new.state_after,
        room_state=new.room_state,
        replaces=new.replaces,
        prev_content=new.prev_content,
        device_id=new.device_id,
        txn_id=new.txn_id,
    )
