"""Every SQL statement of the push rules plugin's table."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from hs_core.db import Transaction
from hs_core.matrix.identifiers import UserId
from hs_plugins.push_rules.rows import PushRulesRow

_ROWS = "SELECT position, user_id, rules FROM push_rules WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"
_ONE = "SELECT rules, position FROM push_rules WHERE user_id = ?"
_MANY = "SELECT user_id, rules, position FROM push_rules WHERE user_id = ANY(?)"
_LOCK = """
    INSERT INTO push_rules (user_id, rules, position) VALUES (?, ?, 0)
    ON CONFLICT (user_id) DO UPDATE SET position = push_rules.position RETURNING rules
"""
_PUT = "UPDATE push_rules SET rules = ?, position = ? WHERE user_id = ?"
_ERASE = "DELETE FROM push_rules WHERE user_id = ?"

NOTHING = b"{}"
"""The rules of who has changed none."""


class Stored(NamedTuple):
    """The rules of a user in JSON, and when they were changed last."""

    rules: bytes
    position: int


def load_rows(tx: Transaction, after: int, up_to: int, limit: int) -> list[tuple[int, PushRulesRow]]:
    """Rows of the stream, for followers that missed them."""
    return [
        (position, PushRulesRow(user_id, bytes(rules)))
        for position, user_id, rules in tx.all(_ROWS, (after, up_to, limit))
    ]


def rules_of(tx: Transaction, user: UserId) -> Stored:
    """What a user has beyond the default rules."""
    row = tx.one(_ONE, (user,))
    return Stored(NOTHING, 0) if row is None else Stored(bytes(row[0]), row[1])


def rules_of_many(tx: Transaction, users: Collection[UserId]) -> dict[UserId, Stored]:
    """The same of those of the users who have changed anything."""
    return {user: Stored(bytes(rules), position) for user, rules, position in tx.all(_MANY, (list(users),))}


def rules_for_change(tx: Transaction, user: UserId) -> bytes:
    """The same; nobody else changes them until the end of the transaction."""
    return bytes(tx.value(_LOCK, (user, NOTHING)) or NOTHING)


def put(tx: Transaction, row: PushRulesRow, position: int) -> None:
    """After `rules_for_change`."""
    tx.run(_PUT, (row.rules, position, row.user_id))


def erase(tx: Transaction, user: UserId) -> None:
    """Forget the rules of a user."""
    tx.run(_ERASE, (user,))
