"""The sessions of user-interactive authentication, by the hash of their keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import orjson

from hs_core.db import Transaction


class NewSession(NamedTuple):
    """The start of a session."""

    session_hash: bytes
    operation: bytes
    remembered: bytes
    expires_ts: int


class StoredSession(NamedTuple):
    """How far somebody has come."""

    operation: bytes
    completed: dict[str, str]
    remembered: bytes
    result: str | None


_ONE = """
    SELECT operation, completed, remembered, result FROM auth_sessions WHERE session_hash = ? AND expires_ts > ?
"""
_COMPLETED = "SELECT completed FROM auth_sessions WHERE session_hash = ? AND expires_ts > ? FOR UPDATE"
_ADD = """
    INSERT INTO auth_sessions (session_hash, operation, remembered, expires_ts, completed) VALUES (?, ?, ?, ?, ?)
"""
_COMPLETE = "UPDATE auth_sessions SET completed = ? WHERE session_hash = ?"
_FINISH = "UPDATE auth_sessions SET result = ? WHERE session_hash = ?"
_DELETE = "DELETE FROM auth_sessions WHERE session_hash = ?"
_OLD = "DELETE FROM auth_sessions WHERE expires_ts < ?"


def add(tx: Transaction, new: NewSession, completed: Mapping[str, str]) -> None:
    tx.run(_ADD, (*new, orjson.dumps(completed).decode()))


def find(tx: Transaction, session: bytes, now: int) -> StoredSession | None:
    """`None` if there is none, or not any more."""
    row = tx.one(_ONE, (session, now))
    if row is None:
        return None
    operation, completed, remembered, result = row
    return StoredSession(operation, orjson.loads(completed), remembered, result)


def complete(tx: Transaction, session: bytes, stages: Mapping[str, str], now: int) -> bool:
    """Add to the stages that are completed; False if there is no such session."""
    known: str | None = tx.value(_COMPLETED, (session, now))
    if known is None:
        return False
    completed = orjson.dumps({**orjson.loads(known), **stages}).decode()
    return tx.run(_COMPLETE, (completed, session)) > 0


def finish(tx: Transaction, session: bytes, result: str) -> None:
    """Remember what came of the operation."""
    tx.run(_FINISH, (result, session))


def delete(tx: Transaction, session: bytes) -> bool:
    """Whether there was one."""
    return tx.run(_DELETE, (session,)) > 0


def delete_before(tx: Transaction, time: int) -> int:
    """Delete sessions that expired before `time`."""
    return tx.run(_OLD, (time,))
