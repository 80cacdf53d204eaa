"""Schema changes: ordered per plugin, transactional, safe to run from several processes at once.

A plugin keeps them in a folder of its package (`schema/`) as `001_what_it_does.sql`, `002_...`; where the dialects
disagree, as a pair `002_search.sqlite.sql` and `002_search.postgresql.sql`. A file is one transaction. Versions count
from 1 without a gap, and a file that has been released is never changed.

Old processes go on serving while a newer one migrates, so a migration adds: columns with defaults, tables, indexes. One
that older code cannot live with begins with the line `-- breaks older code`; processes with that code then refuse to
start. Long backfills are background tasks, not migrations.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import files

from hs_core.db.database import Database, Engine, Transaction
from hs_core.db.errors import DatabaseError
from hs_core.db.tokens import split_statements

_FILE = re.compile(r"(?P<version>\d{3})_(?P<name>\w+?)(?:\.(?P<engine>sqlite|postgresql))?\.sql")
_BREAKS = "-- breaks older code"
_ADVISORY_LOCK = 0x68735F6D6967  # "hs_mig"; any number, the same in every process

_CREATE_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    plugin TEXT NOT NULL,
    version BIGINT NOT NULL,
    name TEXT NOT NULL,
    breaks_older BOOLEAN NOT NULL,
    applied_at TEXT NOT NULL,
    PRIMARY KEY (plugin, version)
)
"""
_RECORD = """
INSERT INTO schema_migrations (plugin, version, name, breaks_older, applied_at)
VALUES (?, ?, ?, ?, CAST(CURRENT_TIMESTAMP AS TEXT))
"""
_APPLIED = "SELECT version, name, breaks_older, applied_at FROM schema_migrations WHERE plugin = ? ORDER BY version"


class MigrationError(DatabaseError):
    """The migrations of the code and those of the database do not fit together, or the files are misnamed."""


@dataclass(frozen=True, slots=True)
class Migrations:
    """Where a plugin's schema is: `Migrations("hs_plugins.rooms")` for the folder `schema` of that package.

    The package's name is also the key under which its versions are recorded.
    """

    package: str
    folder: str = "schema"


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of a plugin, for one engine."""

    plugin: str
    version: int
    name: str
    script: str

    @property
    def breaks_older(self) -> bool:
        """Whether code that does not know this migration must not run on a database that has it."""
        return self.script.startswith(_BREAKS)


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    """One line of `hs db status`. `applied_at` is UTC, None if it is pending; `known` is whether this code has it."""

    plugin: str
    version: int
    name: str
    applied_at: str | None
    known: bool


async def migrate(db: Database, histories: Iterable[Migrations]) -> list[Migration]:
    """Apply what is pending, in the order given and by version; returns what this call applied.

    Several processes may do so at once; each migration is applied once. Raises MigrationError, DatabaseUnavailable.
    """
    await db.write(_prepare)
    loaded = {history.package: load(history, db.engine) for history in histories}
    for plugin, known in loaded.items():
        await db.read(partial(_check, plugin=plugin, newest=len(known)))
    return [
        migration
        for known in loaded.values()
        for migration in known
        if await db.write(partial(_apply, migration=migration))
    ]


async def status(db: Database, histories: Iterable[Migrations]) -> list[MigrationStatus]:
    """Every migration that the code or the database knows of, by plugin and version. Creates the version table."""
    await db.write(_prepare)
    loaded = {history.package: load(history, db.engine) for history in histories}
    return await db.read(lambda tx: [line for plugin, known in loaded.items() for line in _status(tx, plugin, known)])


def load(history: Migrations, engine: Engine) -> list[Migration]:
    """The migrations of a plugin for this engine, by version. Raises MigrationError, naming the file."""
    found: dict[int, Migration] = {}
    for file in files(history.package).joinpath(history.folder).iterdir():
        if not file.name.endswith(".sql"):
            continue
        match = _FILE.fullmatch(file.name)
        if match is None:
            raise MigrationError(f"{history.package}: {file.name} is not named like 001_what_it_does.sql")
        if match["engine"] not in (None, engine):
            continue
        version = int(match["version"])
        if version in found:
            raise MigrationError(f"{history.package}: {file.name} has the same version as {found[version].name}")
        found[version] = Migration(history.package, version, match["name"], file.read_text(encoding="utf-8"))
    missing = set(range(1, len(found) + 1)) - found.keys()
    if missing:
        raise MigrationError(f"{history.package}: no migration {min(missing):03d} for {engine}")
    return [found[version] for version in sorted(found)]


def _prepare(tx: Transaction) -> None:
    _one_process_at_a_time(tx)
    tx.run(_CREATE_TABLE)


def _one_process_at_a_time(tx: Transaction) -> None:
    """SQLite has one process anyway."""
    if tx.engine == "postgresql":
        tx.one("SELECT pg_advisory_xact_lock(?)", (_ADVISORY_LOCK,))


def _apply(tx: Transaction, migration: Migration) -> bool:
    """Apply it unless the database has it; whether it was applied."""
    recorded = "SELECT name FROM schema_migrations WHERE plugin = ? AND version = ?"
    name = tx.value(recorded, (migration.plugin, migration.version))
    if name is None:
        _one_process_at_a_time(tx)
        name = tx.value(recorded, (migration.plugin, migration.version))  # another process may just have done it
    if name is not None:
        if name != migration.name:
            raise MigrationError(
                f"{migration.plugin}: the database's migration {migration.version} is {name!r}, not {migration.name!r}"
            )
        return False
    if tx.engine == "postgresql":
        # Waiting for a lock on a table makes everybody else wait for us: rather give up, and try again.
        tx.run("SET LOCAL lock_timeout = '3s'")
    for statement in split_statements(migration.script):
        tx.run(statement)
    tx.run(_RECORD, (migration.plugin, migration.version, migration.name, migration.breaks_older))
    return True


def _check(tx: Transaction, plugin: str, newest: int) -> None:
    """A newer schema is tolerated, so that old processes serve while new ones roll forward, unless that would break."""
    for version, name, breaks_older, _ in tx.all(_APPLIED, (plugin,)):
        if version > newest and breaks_older:
            raise MigrationError(
                f"{plugin}: the database has migration {version} ({name}), which this code is too old for; "
                "install the newer version"
            )


def _status(tx: Transaction, plugin: str, known: Sequence[Migration]) -> list[MigrationStatus]:
    applied = {version: (name, at) for version, name, _, at in tx.all(_APPLIED, (plugin,))}
    lines = [
        MigrationStatus(plugin, m.version, m.name, applied[m.version][1] if m.version in applied else None, True)
        for m in known
    ]
    return lines + [
        MigrationStatus(plugin, version, name, at, False)
        for version, (name, at) in applied.items()
        if version > len(known)
    ]
