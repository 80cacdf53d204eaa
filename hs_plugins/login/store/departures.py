"""Deactivated users who have rooms to leave still."""

from __future__ import annotations

from hs_core.db import Transaction
from hs_core.matrix.identifiers import UserId

_ADD = "INSERT INTO departures (user_id) VALUES (?) ON CONFLICT (user_id) DO NOTHING"
_CLAIM = """
    UPDATE departures SET busy_until = ? WHERE user_id = (
        SELECT user_id FROM departures WHERE busy_until < ? ORDER BY busy_until, user_id LIMIT 1
        FOR UPDATE SKIP LOCKED
    ) RETURNING user_id
"""
_DONE = "DELETE FROM departures WHERE user_id = ?"


def add(tx: Transaction, user: UserId) -> None:
    tx.run(_ADD, (user,))


def claim(tx: Transaction, now: int, until: int) -> UserId | None:
    """Somebody nobody else takes care of at the moment; nobody else will until `until`."""
    user: UserId | None = tx.value(_CLAIM, (until, now))
    return user


def done(tx: Transaction, user: UserId) -> None:
    tx.run(_DONE, (user,))
