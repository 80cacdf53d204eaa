"""Every SQL statement of the key backup plugin's tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from hs_core.db import Transaction
from hs_core.matrix.identifiers import UserId
from hs_plugins.key_backup.sessions import Copy, Name

_NEXT = """
    INSERT INTO key_backup_owners (user_id, newest) VALUES (?, 1)
    ON CONFLICT (user_id) DO UPDATE SET newest = key_backup_owners.newest + 1 RETURNING newest
"""
_ADD = "INSERT INTO key_backups (user_id, version, algorithm, auth_data) VALUES (?, ?, ?, ?)"
_LIVE = "SELECT COUNT(*) FROM key_backups WHERE user_id = ? AND NOT deleted"
_BACKUP = "SELECT version, algorithm, auth_data, sessions, etag FROM key_backups WHERE user_id = ? AND NOT deleted"
_ONE = f"{_BACKUP} AND version = ?"
_CURRENT = f"{_BACKUP} ORDER BY version DESC LIMIT 1"
_SET_AUTH = "UPDATE key_backups SET auth_data = ? WHERE user_id = ? AND version = ?"
_DELETE = "UPDATE key_backups SET deleted = TRUE, sessions = 0 WHERE user_id = ? AND version = ?"
_CHANGED = """
    UPDATE key_backups SET sessions = sessions + ?, etag = etag + 1 WHERE user_id = ? AND version = ?
    RETURNING version, algorithm, auth_data, sessions, etag
"""
_COPY = "room_id, session_id, first_message_index, forwarded_count, is_verified, session_data"
_OF = "FROM backed_up_sessions WHERE user_id = ? AND version = ?"
_IN_ROOM = " AND room_id = ?"
_NAMED = " AND room_id = ? AND session_id = ?"
_KNOWN = f"SELECT {_COPY} {_OF} AND session_id = ANY(?)"
_PUT = f"""
    INSERT INTO backed_up_sessions (user_id, version, {_COPY}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (user_id, version, room_id, session_id) DO UPDATE SET
        first_message_index = excluded.first_message_index, forwarded_count = excluded.forwarded_count,
        is_verified = excluded.is_verified, session_data = excluded.session_data
"""


class Backup(NamedTuple):
    """One version, and how much it holds."""

    version: int
    algorithm: str
    auth_data: bytes
    sessions: int
    etag: int


class Part(NamedTuple):
    """All of a backup, what is of one room, or one session."""

    room_id: str | None = None
    session_id: str | None = None

    @property
    def where(self) -> str:
        """Conditions, out of the code."""
        return "" if self.room_id is None else _IN_ROOM if self.session_id is None else _NAMED

    @property
    def params(self) -> tuple[str, ...]:
        return tuple(each for each in self if each is not None)


def create(tx: Transaction, user: UserId, algorithm: str, auth_data: bytes) -> int:
    """A new version."""
    version = int(tx.value(_NEXT, (user,)) or 1)
    tx.run(_ADD, (user, version, algorithm, auth_data))
    return version


def live(tx: Transaction, user: UserId) -> int:
    """How many versions are not deleted."""
    return int(tx.value(_LIVE, (user,)) or 0)


def backup(tx: Transaction, user: UserId, version: int | None, *, lock: bool = False) -> Backup | None:
    """A version, or (`None`) the newest; with `lock` nobody else changes it until the end of the transaction."""
    end = " FOR UPDATE" if lock else ""
    row = tx.one(_CURRENT + end, (user,)) if version is None else tx.one(_ONE + end, (user, version))
    return None if row is None else Backup(row[0], row[1], bytes(row[2]), row[3], row[4])


def set_auth_data(tx: Transaction, user: UserId, version: int, auth_data: bytes) -> None:
    """Of a version."""
    tx.run(_SET_AUTH, (auth_data, user, version))


def delete(tx: Transaction, user: UserId, version: int) -> bool:
    """A version, with all that it holds; whether there is one, or was before it was deleted."""
    if not tx.run(_DELETE, (user, version)):
        return False
    tx.run("DELETE " + _OF, (user, version))
    return True


def changed(tx: Transaction, user: UserId, version: int, more: int) -> Backup:
    """It holds so many sessions more, or others."""
    row = tx.one(_CHANGED, (more, user, version))
    assert row is not None, "the version is locked"
    return Backup(row[0], row[1], bytes(row[2]), row[3], row[4])


FIRST: Final = Name("", "")
"""Before all sessions."""


def known(tx: Transaction, user: UserId, version: int, names: Collection[Name]) -> dict[Name, Copy]:
    """Those of the sessions that it holds."""
    ids = sorted({name.session_id for name in names})
    found = {Name(*row[:2]): _copy(*row[2:]) for row in tx.all(_KNOWN, (user, version, ids))}
    return {name: found[name] for name in names if name in found}


def put(tx: Transaction, user: UserId, version: int, copies: Mapping[Name, Copy]) -> None:
    """Instead of what it holds of the same sessions."""
    tx.run_many(_PUT, [(user, version, *name, *copy) for name, copy in copies.items()])


def sessions(
    tx: Transaction, user: UserId, version: int, part: Part, *, after: Name = FIRST, limit: int
) -> list[tuple[Name, Copy]]:
    """By room, then by ID: the first of those that come after a name."""
    sql = f"SELECT {_COPY} {_OF}{part.where} AND (room_id, session_id) > (?, ?) ORDER BY room_id, session_id LIMIT ?"
    rows = tx.all(sql, (user, version, *part.params, *after, limit))
    return [(Name(*row[:2]), _copy(*row[2:])) for row in rows]


def delete_sessions(tx: Transaction, user: UserId, version: int, part: Part) -> int:
    """How many there were."""
    return tx.run(f"DELETE {_OF}{part.where}", (user, version, *part.params))


def erase(tx: Transaction, user: UserId) -> None:
    """Everything of a user who is no more."""
    for table in ("backed_up_sessions", "key_backups", "key_backup_owners"):
        tx.run(f"DELETE FROM {table} WHERE user_id = ?", (user,))


def _copy(first: int, forwarded: int, verified: bool, data: bytes) -> Copy:
    return Copy(first, forwarded, bool(verified), bytes(data))
