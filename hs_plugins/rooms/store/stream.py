"""What the `events` stream reads back from the tables."""

from typing import Any

import orjson

from hs_core.db import Transaction
from hs_core.matrix.canonical_json import decode_json
from hs_plugins.rooms.rows import EventRow, event_row
from hs_plugins.rooms.store.events import parse_stored

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
        parse_stored(event_id, version, json),
        state_before=before,
        state_after=after,
        room_state=room_state or after,
        replaces=replaces,
        prev_content=None if previous is None else orjson.dumps(decode_json(previous, strict=False)["content"]),
        device_id=device_id,
        txn_id=txn_id,
    )
