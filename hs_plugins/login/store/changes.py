"""The rows of the stream `accounts`, as they are kept for followers that missed them."""

from __future__ import annotations

from collections.abc import Sequence

from hs_core.db import Transaction
from hs_plugins.login.rows import AccountRow

_HASH_LENGTH = 32

_ROWS = """
    SELECT position, user_id, change, device_id, tokens FROM account_changes
    WHERE position > ? AND position <= ? ORDER BY position LIMIT ?
"""
_COLUMNS = ("position", "user_id", "change", "device_id", "tokens", "changed_ts")
_OLD = "DELETE FROM account_changes WHERE changed_ts < ?"


def load_rows(tx: Transaction, after: int, up_to: int, limit: int) -> list[tuple[int, AccountRow]]:
    """Rows with `after < position <= up_to`, in order."""
    return [
        (position, AccountRow(user_id, change, device_id, _split(tokens)))
        for position, user_id, change, device_id, tokens in tx.all(_ROWS, (after, up_to, limit))
    ]


def add_rows(tx: Transaction, first: int, rows: Sequence[AccountRow], now: int) -> None:
    """Keep rows that were given the positions from `first` on."""
    values = [
        (position, row.user_id, row.change, row.device_id, b"".join(row.tokens), now)
        for position, row in enumerate(rows, first)
    ]
    tx.insert_many("account_changes", _COLUMNS, values)


def delete_rows_before(tx: Transaction, time: int) -> int:
    """Forget what happened before `time`; how many rows that were."""
    return tx.run(_OLD, (time,))


def _split(tokens: bytes) -> tuple[bytes, ...]:
    return tuple(tokens[start : start + _HASH_LENGTH] for start in range(0, len(tokens), _HASH_LENGTH))
