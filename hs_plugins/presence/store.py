"""Every SQL statement of the presence plugin's table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from hs_core.db import Transaction
from hs_core.matrix.identifiers import UserId
from hs_plugins.presence.rows import PresenceRow

_ONE = "SELECT user_id, presence, status_msg, last_active FROM presence WHERE user_id = ?"
_NOT_OFFLINE = """
    SELECT user_id, presence, status_msg, last_active FROM presence
    WHERE presence <> 'offline' AND user_id > ? ORDER BY user_id LIMIT ?
"""
_PUT = """
    INSERT INTO presence (user_id, presence, status_msg, last_active) VALUES (?, ?, ?, ?)
    ON CONFLICT (user_id) DO UPDATE
    SET presence = excluded.presence, status_msg = excluded.status_msg, last_active = excluded.last_active
"""
_DELETE = "DELETE FROM presence WHERE user_id = ?"


def load(tx: Transaction, user_id: UserId) -> PresenceRow | None:
    """What was last written of a user."""
    found = tx.one(_ONE, (user_id,))
    return None if found is None else _row(found)


def load_not_offline(tx: Transaction, after: str, limit: int) -> list[PresenceRow]:
    """Those who were last seen online or unavailable, in the order of their IDs."""
    return [_row(found) for found in tx.all(_NOT_OFFLINE, (after, limit))]


def save(tx: Transaction, rows: Iterable[PresenceRow]) -> None:
    tx.run_many(_PUT, [(row.user_id, row.presence, row.status_msg, row.last_active) for row in rows])


def delete(tx: Transaction, user_id: UserId) -> None:
    tx.run(_DELETE, (user_id,))


def _row(columns: Sequence[Any]) -> PresenceRow:
    user_id, presence, status_msg, last_active = columns
    return PresenceRow(user_id, presence, status_msg, last_active, currently_active=False)
