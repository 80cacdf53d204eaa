"""The table of filters."""

from hs_core.db import Transaction
from hs_core.matrix.identifiers import UserId

_ADD = "INSERT INTO filters (user_id, filter_id, definition) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_COUNT = "SELECT COUNT(*) FROM filters WHERE user_id = ?"
_GET = "SELECT definition FROM filters WHERE user_id = ? AND filter_id = ?"


def add_filter(tx: Transaction, user_id: UserId, filter_id: str, definition: bytes) -> None:
    """Keep a definition, unless it is there already."""
    tx.run(_ADD, (user_id, filter_id, definition))


def count_filters(tx: Transaction, user_id: UserId) -> int:
    """How many filters the user has."""
    return int(tx.value(_COUNT, (user_id,)) or 0)


def get_filter(tx: Transaction, user_id: UserId, filter_id: str) -> bytes | None:
    """A definition, if the user has one of this ID."""
    definition: bytes | None = tx.value(_GET, (user_id, filter_id))
    return definition
