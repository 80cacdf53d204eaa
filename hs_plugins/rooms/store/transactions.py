"""Which event a device's transaction made, out of the `sent_transactions` table."""

from hs_core.db import Transaction
from hs_core.matrix.identifiers import EventId, RoomId

_RECENT = """
    SELECT s.txn_id, s.event_id, e.position FROM sent_transactions s JOIN events e ON e.event_id = s.event_id
    WHERE s.user_id = ? AND s.device_id = ? AND s.room_id = ? ORDER BY s.created_ts DESC LIMIT ?
"""

RecentTransaction = tuple[str, EventId, int]


def scoped_transaction(event_type: str, txn_id: str) -> str:
    """A transaction ID together with the endpoint that it was sent to: redacting is another one than sending.

    "the scope of a transaction ID is for a single device, and a single HTTP endpoint."
    """
    return f"{'redact' if event_type == 'm.room.redaction' else 'send'}/{txn_id}"


def recent_transactions(
    tx: Transaction, room_id: RoomId, user_id: str, device_id: str, limit: int
) -> list[RecentTransaction]:
    """A device's latest transactions in a room, scoped, with their events and positions; the latest first."""
    return [(row[0], row[1], row[2]) for row in tx.all(_RECENT, (user_id, device_id, room_id, limit))]
