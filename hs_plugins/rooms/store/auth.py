"""Which state events cite which in their `auth_events`, out of the `auth_citations` table."""

from hs_core.db import Transaction
from hs_core.matrix.identifiers import EventId

_CITING = "SELECT citing FROM auth_citations WHERE cited = ? AND citing > ? ORDER BY citing LIMIT ?"


def citing(tx: Transaction, cited: EventId, after: str, limit: int) -> list[EventId]:
    """State events that name an event in their `auth_events`, by ID, those after `after`."""
    return [row[0] for row in tx.all(_CITING, (cited, after, limit))]
