"""Accounts."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from hs_core.db import Transaction
from hs_core.matrix.identifiers import UserId
from hs_plugins.login.values import Account, Marks, NewAccount

_COLUMNS = """
    user_id, created_ts, is_guest, is_admin, deactivated, erased, locked, suspended, appservice,
    password_hash IS NOT NULL
"""
_ONE = f"SELECT {_COLUMNS} FROM accounts WHERE user_id = ?"
_PAGE = f"SELECT {_COLUMNS} FROM accounts WHERE user_id > ? ORDER BY user_id LIMIT ?"
_EXISTING = "SELECT user_id FROM accounts WHERE user_id = ANY(?)"
_PASSWORDS = "SELECT user_id, password_hash FROM accounts WHERE user_id = ANY(?) AND NOT deactivated"
_LOCK = "SELECT user_id FROM accounts WHERE user_id = ? FOR UPDATE"
_ADD = """
    INSERT INTO accounts (user_id, password_hash, created_ts, is_guest, is_admin, appservice) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (user_id) DO NOTHING
"""
_UPGRADE = """
    UPDATE accounts SET is_guest = FALSE, password_hash = ? WHERE user_id = ? AND is_guest AND NOT deactivated
"""
_SET_PASSWORD = "UPDATE accounts SET password_hash = ? WHERE user_id = ? AND NOT deactivated"
_MARK = """
    UPDATE accounts SET is_admin = COALESCE(?, is_admin), locked = COALESCE(?, locked),
        suspended = COALESCE(?, suspended)
    WHERE user_id = ?
"""
_DEACTIVATE = """
    UPDATE accounts SET deactivated = TRUE, erased = erased OR ?, password_hash = NULL, is_admin = FALSE
    WHERE user_id = ?
"""


def account(tx: Transaction, user: UserId) -> Account | None:
    row = tx.one(_ONE, (user,))
    return None if row is None else _account(row)


def page(tx: Transaction, after: UserId | None, limit: int) -> list[Account]:
    """In the order of user IDs."""
    return [_account(row) for row in tx.all(_PAGE, (after or "", limit))]


def existing(tx: Transaction, users: Collection[UserId]) -> set[UserId]:
    return {user for (user,) in tx.all(_EXISTING, (list(users),))}


def password_hashes(tx: Transaction, users: Collection[UserId]) -> dict[UserId, str | None]:
    """Of those of the users who exist and are active; `None` for one who cannot log in with a password."""
    return dict(tx.all(_PASSWORDS, (list(users),)))


def lock(tx: Transaction, user: UserId) -> bool:
    """Let nobody else change the account until the end of the transaction; whether there is one."""
    return tx.one(_LOCK, (user,)) is not None


def add(tx: Transaction, user: UserId, new: NewAccount, password_hash: str | None, now: int) -> bool:
    """Make an account; False if the name is taken."""
    return tx.run(_ADD, (user, password_hash, now, new.is_guest, new.is_admin, new.appservice)) > 0


def upgrade_guest(tx: Transaction, user: UserId, password_hash: str | None) -> bool:
    """Make a guest a full user; False if the user is no guest."""
    return tx.run(_UPGRADE, (password_hash, user)) > 0


def set_password(tx: Transaction, user: UserId, password_hash: str) -> bool:
    """False if there is no such user, or no more."""
    return tx.run(_SET_PASSWORD, (password_hash, user)) > 0


def mark(tx: Transaction, user: UserId, marks: Marks) -> bool:
    """Change what is given; False if there is no such user."""
    return tx.run(_MARK, (marks.is_admin, marks.locked, marks.suspended, user)) > 0


def deactivate(tx: Transaction, user: UserId, erase: bool) -> bool:
    """False if there is no such user."""
    return tx.run(_DEACTIVATE, (erase, user)) > 0


def _account(row: tuple[Any, ...]) -> Account:
    user, created, guest, admin, deactivated, erased, locked, suspended, appservice, has_password = row
    return Account(
        user_id=user,
        created_ts=created,
        is_guest=guest,
        is_admin=admin,
        deactivated=deactivated,
        erased=erased,
        locked=locked,
        suspended=suspended,
        appservice=appservice,
        has_password=bool(has_password),
    )
