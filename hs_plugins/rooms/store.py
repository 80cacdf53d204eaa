"""The rooms' tables: what the `events` stream reads back from them."""

from typing import Any

import orjson

from hs_core.db import Transaction
from hs_core.matrix.canonical_json import decode_json
from hs_core.matrix.event import Event
from hs_core.matrix.pdu import event_from_trusted_json
from hs_core.matrix.room_version import room_version
from hs_plugins.rooms.rows import EventRow, event_row

_ROWS = """
    SELECT e.position, e.event_id, r.version, e.json, e.state_before, e.state_after, e.room_state, e.replaces,
           previous.json, e.device_id, e.txn_id
    FROM events e
    JOIN rooms r ON r.room_id = e.room_id
    LEFT JOIN events previous ON previous.event_id = e.replaces
    WHERE e.position > ? AND e.position <= ?
    ORDER BY e.position LIMIT ?
"""


def load_rows(tx: Transaction, after: int, up_to: int, limit: int) -> list[tuple[int, EventRow]]:
    """Rows of the `events` stream, for followers that missed them."""
    return [(row[0], _row(row)) for row in tx.all(_ROWS, (after, up_to, limit))]


def _row(columns: tuple[Any, ...]) -> EventRow:
    _, event_id, version, json, before, after, room_state, replaces, previous, device_id, txn_id = columns
    return event_row(
        stored_event(event_id, version, json),
        state_before=before,
        state_after=after,
        room_state=room_state or after,
        replaces=replaces,
        prev_content=None if previous is None else orjson.dumps(decode_json(previous, strict=False)["content"]),
        device_id=device_id,
        txn_id=txn_id,
    )


def stored_event(event_id: Any, version: str, json: bytes) -> Event:
    """An event out of the `events` table."""
    rules = room_version(version)
    return event_from_trusted_json(decode_json(json, strict=rules.strict_canonical_json), rules, event_id)
