"""Events out of the `events` table."""

from collections.abc import Collection
from typing import Any

from hs_core.db import Transaction
from hs_core.matrix.canonical_json import decode_json
from hs_core.matrix.event import Event
from hs_core.matrix.identifiers import EventId
from hs_core.matrix.pdu import event_from_trusted_json
from hs_core.matrix.room_version import room_version
from hs_plugins.rooms.stored import StoredEvent

COLUMNS = """e.event_id, r.version, e.json, e.position, e.state_before, e.state_after, e.auth_chain, e.replaces,
    e.redacted_by, e.rejected, e.soft_failed, e.device_id, e.txn_id"""
"""What `stored_event` takes, of `events e JOIN rooms r`."""

_BY_ID = f"SELECT {COLUMNS} FROM events e JOIN rooms r ON r.room_id = e.room_id WHERE e.event_id = ANY(?)"


def load_events(tx: Transaction, event_ids: Collection[EventId]) -> dict[EventId, StoredEvent]:
    """Those of the events that are stored."""
    return {row[0]: stored_event(row) for row in tx.all(_BY_ID, (list(event_ids),))}


def stored_event(columns: tuple[Any, ...]) -> StoredEvent:
    """From a row of `COLUMNS`."""
    event_id, version, json, *about = columns
    return StoredEvent(parse_stored(event_id, version, json), *about)


def parse_stored(event_id: EventId, version: str, json: bytes) -> Event:
    """An event out of its stored JSON."""
    rules = room_version(version)
    return event_from_trusted_json(decode_json(json, strict=rules.strict_canonical_json), rules, event_id)
