"""The processes of a deployment, as they appear in the database. All times are the database's own."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from hs_core.db import Row, Transaction


@dataclass(frozen=True, slots=True)
class Member:
    """A process of the deployment."""

    id: str
    """Of this incarnation: no other process, earlier or later, has the same."""
    name: str
    """Its entry in the configuration's `processes`, which replicas share."""
    plugins: frozenset[str]
    """Those that are active there."""
    address: str
    """Where other processes reach it."""
    leaving: bool = False
    """It hands over what it owns, and takes nothing."""
    silent_ms: int = 0
    """How long ago it was last heard of."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A process as the database knows it, dead ones included until somebody buries them."""

    member: Member
    up_ms: int
    """How long ago it joined."""


NOW_MS = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"
"""The database's time in SQL, in milliseconds since the epoch."""

_JOIN = f"""
    INSERT INTO processes (id, name, plugins, address, leaving, started_ms, seen_ms)
    VALUES (?, ?, ?, ?, FALSE, {NOW_MS}, {NOW_MS})
"""
_BEAT = f"UPDATE processes SET seen_ms = {NOW_MS} WHERE id = ?"
_ALL = f"SELECT id, name, plugins, address, leaving, {NOW_MS} - seen_ms FROM processes"
_SIGHTINGS = f"""
    SELECT id, name, plugins, address, leaving, {NOW_MS} - seen_ms, {NOW_MS} - started_ms
    FROM processes ORDER BY name, id
"""
_EVICT = f"DELETE FROM processes WHERE id = ANY(?) AND seen_ms < {NOW_MS} - ? RETURNING name"
_CUT = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = ?
        AND xact_start < clock_timestamp() - CAST(? AS BIGINT) * INTERVAL '1 millisecond'
"""
_LEAVING = "UPDATE processes SET leaving = TRUE WHERE id = ?"
_LEAVE = "DELETE FROM processes WHERE id = ?"
_LONGEST_NAME = 63  # bytes that PostgreSQL keeps of one
_NOT_ON_DISK = "SET LOCAL synchronous_commit = off"


def application_name(process: str) -> str:
    """What PostgreSQL knows a process by, given its name in the configuration."""
    return f"hs {process}"[:_LONGEST_NAME]


def join(tx: Transaction, member: Member) -> None:
    """Become a process of the deployment."""
    plugins = msgspec.json.encode(sorted(member.plugins)).decode()
    tx.run(_JOIN, (member.id, member.name, plugins, member.address))


def beat(tx: Transaction, me: str) -> Mapping[str, Member] | None:
    """Say that this process lives, and see who else does. `None` if it was taken for dead and is no member any more."""
    tx.run_many(_NOT_ON_DISK, [()])  # what a crash of the database may lose of this is not missed
    if not tx.run(_BEAT, (me,)):
        return None
    return {row[0]: _member(row) for row in tx.all(_ALL)}


def sightings(tx: Transaction) -> list[Sighting]:
    """Every process that has not left, in the order of their names. There are none but on PostgreSQL."""
    return [Sighting(_member(row), row[6]) for row in tx.all(_SIGHTINGS)] if tx.engine == "postgresql" else []


def _member(row: Row) -> Member:
    id_, name, plugins, address, leaving, silent_ms = row[:6]
    return Member(id_, name, frozenset(msgspec.json.decode(plugins)), address, leaving, silent_ms)


def evict(tx: Transaction, members: list[str], silent_ms: int) -> int:
    """Remove those of the members that have been silent for so long; how many there were.

    One that stands still may be in the middle of a transaction, even of a statement, with locks that its heirs need:
    those transactions end here. A namesake that lives, started in its place, has none that are as old.
    """
    evicted = tx.all(_EVICT, (members, silent_ms))
    for (name,) in evicted:
        tx.all(_CUT, (application_name(name), silent_ms // 2))
    return len(evicted)


def begin_to_leave(tx: Transaction, me: str) -> None:
    """Ask the others to take what this process owns."""
    tx.run(_LEAVING, (me,))


def leave(tx: Transaction, me: str) -> None:
    """Be no member any more."""
    tx.run(_LEAVE, (me,))
