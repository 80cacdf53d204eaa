"""Registration tokens, and the nonces of shared-secret registration."""

from __future__ import annotations

from hs_core.db import Transaction
from hs_plugins.login.values import RegistrationToken

_ALL = "SELECT token, uses_allowed, uses, expires_ts FROM registration_tokens ORDER BY token LIMIT ?"
_ONE = "SELECT token, uses_allowed, uses, expires_ts FROM registration_tokens WHERE token = ?"
_ADD = """
    INSERT INTO registration_tokens (token, uses_allowed, expires_ts, created_ts) VALUES (?, ?, ?, ?)
    ON CONFLICT (token) DO NOTHING
"""
_DELETE = "DELETE FROM registration_tokens WHERE token = ?"
_SPEND = """
    UPDATE registration_tokens SET uses = uses + 1
    WHERE token = ? AND (uses_allowed IS NULL OR uses < uses_allowed) AND (expires_ts IS NULL OR expires_ts > ?)
"""
_ADD_NONCE = "INSERT INTO registration_nonces (nonce, expires_ts) VALUES (?, ?)"
_SPEND_NONCE = "DELETE FROM registration_nonces WHERE nonce = ? RETURNING expires_ts"
_OLD_NONCES = "DELETE FROM registration_nonces WHERE expires_ts < ?"


def tokens(tx: Transaction, limit: int) -> list[RegistrationToken]:
    return [RegistrationToken(*row) for row in tx.all(_ALL, (limit,))]


def token(tx: Transaction, text: str) -> RegistrationToken | None:
    row = tx.one(_ONE, (text,))
    return None if row is None else RegistrationToken(*row)


def add_token(tx: Transaction, new: RegistrationToken, now: int) -> bool:
    """False if there is one of that name."""
    return tx.run(_ADD, (new.token, new.uses_allowed, new.expires_ts, now)) > 0


def delete_token(tx: Transaction, text: str) -> bool:
    """False if there was none."""
    return tx.run(_DELETE, (text,)) > 0


def spend_token(tx: Transaction, text: str, now: int) -> bool:
    """Count one use; False if there is none left."""
    return tx.run(_SPEND, (text, now)) > 0


def add_nonce(tx: Transaction, nonce: str, expires: int) -> None:
    tx.run(_ADD_NONCE, (nonce, expires))


def spend_nonce(tx: Transaction, nonce: str, now: int) -> bool:
    """Use up a nonce; whether it was good."""
    expires: int | None = tx.value(_SPEND_NONCE, (nonce,))
    return expires is not None and expires > now


def delete_nonces_before(tx: Transaction, time: int) -> int:
    """Delete nonces that expired before `time`."""
    return tx.run(_OLD_NONCES, (time,))
