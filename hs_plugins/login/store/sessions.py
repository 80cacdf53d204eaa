"""The sessions of user-interactive authentication, by the hash of their keys."""

from __future__ import annotations

from typing import NamedTuple

import orjson

from hs_core.db import Transaction


class StoredSession(NamedTuple):
    """How far somebody has come."""

    operation: bytes
    completed: dict[str, str]
    remembered: bytes
    result: str | None


_ONE = """
    SELECT operation, completed, remembered, result FROM auth_sessions WHERE session_hash = ? AND expires_ts > ?
    FOR UPDATE
"""
_ADD = """
    INSERT INTO auth_sessions (session_hash, operation, completed, remembered, expires_ts) VALUES (?, ?, '{}', ?, ?)
"""
_COMPLETE = "UPDATE auth_sessions SET completed = ? WHERE session_hash = ?"
_FINISH = "UPDATE auth_sessions SET result = ? WHERE session_hash = ?"
_DELETE = "DELETE FROM auth_sessions WHERE session_hash = ?"
_OLD = "DELETE FROM auth_sessions WHERE expires_ts < ?"


def add(tx: Transaction, session: bytes, operation: bytes, remembered: bytes, expires: int) -> None:
    tx.run(_ADD, (session, operation, remembered, expires))


def find(tx: Transaction, session: bytes, now: int) -> StoredSession | None:
    """The session, locked until the end of a writing transaction."""
    row = tx.one(_ONE, (session, now))
    if row is None:
        return None
    operation, completed, remembered, result = row
    return StoredSession(operation, orjson.loads(completed), remembered, result)


def complete(tx: Transaction, session: bytes, stage: str, proof: str, now: int) -> bool:
    """Add a stage to those that are completed; False if there is no such session."""
    found = find(tx, session, now)
    if found is None:
        return False
    completed = orjson.dumps({**found.completed, stage: proof}).decode()
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
