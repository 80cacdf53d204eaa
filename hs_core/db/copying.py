"""Copy a whole database into an empty one, perhaps of the other engine: how a server moves to PostgreSQL.

Virtual tables of SQLite, and columns that PostgreSQL generates, are not copied: the target makes its own, by triggers
and definitions of the tables that are.

What was copied is noted in the target, in the transaction that copies it, until all is there. So a copy that was broken
off goes on where it was; and until it is complete, no server runs on the target.
"""

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

from hs_core.db.database import Database, Row, Transaction
from hs_core.db.errors import DatabaseError
from hs_core.db.migrate import Migrations, migrate, status

ROWS_AT_ONCE = 1000
_ALL = 1 << 62
"""For a limit that is none: SQLite has no offset without one."""
MIGRATIONS = "schema_migrations"
"""Filled by migrating the target, not by copying."""

_TABLES = {
    "sqlite": """
        SELECT name FROM pragma_table_list
        WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'
    """,
    "postgresql": """
        SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = current_schema()
    """,
}
_COLUMNS = {
    "sqlite": "SELECT name FROM pragma_table_info(?) ORDER BY name",
    "postgresql": """
        SELECT CAST(column_name AS TEXT) FROM information_schema.columns
        WHERE table_schema = current_schema() AND table_name = ? AND is_generated = 'NEVER'
        ORDER BY column_name COLLATE "C"
    """,
}
_KEYS = {
    "sqlite": "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk",
    "postgresql": """
        SELECT CAST(attname AS TEXT)
        FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY(indkey)
        WHERE indisprimary AND indrelid = CAST(? AS regclass)
        ORDER BY array_position(CAST(indkey AS SMALLINT[]), attnum)
    """,
}
_IDENTITIES = """
    SELECT CAST(column_name AS TEXT) FROM information_schema.columns
    WHERE table_schema = current_schema() AND table_name = ? AND is_identity = 'YES'
"""


_NOTES = "unfinished_copy"
"""In the target, while it is not complete: how many rows of each table are there, and what is copied."""
_MAKE_NOTES = f"CREATE TABLE {_NOTES} (item TEXT NOT NULL PRIMARY KEY, rows BIGINT NOT NULL)"
_NOTE = f"INSERT INTO {_NOTES} (item, rows) VALUES (?, ?) ON CONFLICT (item) DO UPDATE SET rows = excluded.rows"

_USE = "SELECT stream, position, ownership FROM stream_positions ORDER BY stream"
"""What changes whenever a server runs: it takes slots, even if it writes nothing."""


class CopyError(DatabaseError):
    """The databases cannot be copied into each other; nothing, or not all, was copied."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a copy has come."""

    table: str
    """The one that is being copied."""
    rows: int
    """Of that table, which are in the target."""
    of: int
    all_rows: int
    """Of all tables."""
    of_all: int

    @property
    def table_done(self) -> bool:
        return self.rows == self.of


async def copy(source: Database, target: Database, histories: Iterable[Migrations]) -> AsyncGenerator[Progress, None]:
    """Copy every table, and count at the end that everything is there. Nobody else may be writing either database.

    The target must be empty, or have been left by a copy that was broken off: that goes on, or begins anew if a server
    has used the source in between. Raises CopyError, MigrationError, DatabaseUnavailable.
    """
    histories = list(histories)
    for line in await status(source, histories):
        if line.applied_at is None or not line.known:
            remedy = "run `hs db migrate` before" if line.known else "install the newer version"
            raise CopyError(f"the source does not have the schema of this version, see {line.plugin}; {remedy}")
    await _begin(source, target)
    await migrate(target, histories)
    tables, there = await source.read(_layout), await target.read(_layout)
    if different := sorted(name for name in tables.keys() | there if tables.get(name) != there.get(name)):
        raise CopyError(f"only one of the databases has {', '.join(different)}; is that of a plugin, installed or not?")
    counts, noted = await source.read(partial(_count, tables=tables)), await target.read(_notes)
    total, before = sum(counts.values()), 0
    for table, columns in tables.items():
        rows = _Rows(source, target, table, columns, await source.read(partial(_order, table=table)))
        async for copied in rows.copy(noted.get(table)):
            yield Progress(table, copied, counts[table], before + copied, total)
        before += counts[table]
    arrived = await target.read(partial(_count, tables=tables))
    if wrong := [f"{name} ({arrived[name]} of {count})" for name, count in counts.items() if arrived[name] != count]:
        raise CopyError(f"not every row has arrived: {', '.join(wrong)}; make a new database, and copy again")
    await target.write(lambda tx: tx.run(f"DROP TABLE {_NOTES}"))


async def unfinished(db: Database) -> bool:
    """Whether this is the target of a copy that is not complete: no server must run on it."""
    return _NOTES in await db.read(_names)


async def _begin(source: Database, target: Database) -> None:
    """Make the target's notes, unless it has them. Raises CopyError."""
    used = sha256(repr(await source.read(lambda tx: tx.all(_USE))).encode()).hexdigest()
    there = await target.read(_names)
    if _NOTES not in there and (full := set(there) - {MIGRATIONS}):
        raise CopyError(f"the target is not empty: it has the table {min(full)}; make a new database")

    def begin(tx: Transaction) -> None:
        if _NOTES not in there:
            tx.run(_MAKE_NOTES)
        if f"source {used}" not in _notes(tx):
            tx.run(f"DELETE FROM {_NOTES}")
            tx.run(_NOTE, (f"source {used}", 0))

    await target.write(begin)


def _names(tx: Transaction) -> list[str]:
    return [name for (name,) in tx.all(_TABLES[tx.engine])]


def _notes(tx: Transaction) -> dict[str, int]:
    return dict(tx.all(f"SELECT item, rows FROM {_NOTES}"))


def _count(tx: Transaction, tables: Iterable[str]) -> dict[str, int]:
    return {name: int(tx.value(f"SELECT COUNT(*) FROM {name}") or 0) for name in tables}


def _order(tx: Transaction, table: str) -> Sequence[str]:
    """The columns by which a table's rows have an order; PostgreSQL has none for a table without a primary key."""
    key = [name for (name,) in tx.all(_KEYS[tx.engine], (table,))]
    return key or (["rowid"] if tx.engine == "sqlite" else [])


def _layout(tx: Transaction) -> dict[str, list[str]]:
    """The columns of each table with data, both in the order of their names."""
    names = sorted(name for name in _names(tx) if name not in {MIGRATIONS, _NOTES})
    return {name: [column for (column,) in tx.all(_COLUMNS[tx.engine], (name,))] for name in names}


@dataclass(frozen=True)
class _Rows:
    """Those of one table."""

    source: Database
    target: Database
    table: str
    columns: Sequence[str]
    order: Sequence[str]

    async def copy(self, there: int | None) -> AsyncGenerator[int, None]:
        """Copy what is missing; yields how many rows there are, at least once. `there`: what an earlier copy noted."""
        if there is None or not self.order:  # migrations may have put something there
            await self.target.write(self._clear)
            there = 0
        yield there
        async with aclosing(self.source.stream(partial(self._after, there), ROWS_AT_ONCE)) as batches:
            async for rows in batches:
                there += len(rows)
                await self.target.write(partial(self._insert, rows=rows, there=there))
                yield there
        if self.target.engine == "postgresql":
            await self.target.write(partial(_continue_numbering, table=self.table))

    def _after(self, there: int, tx: Transaction) -> Iterable[Row]:
        """All rows but the first ones, in an order that is the same each time."""
        order = f"ORDER BY {', '.join(self.order)} LIMIT ? OFFSET ?" if self.order else "LIMIT ? OFFSET ?"
        return tx.iterate(f"SELECT {', '.join(self.columns)} FROM {self.table} {order}", (_ALL, there))

    def _clear(self, tx: Transaction) -> None:
        tx.run(f"DELETE FROM {self.table}")
        tx.run(_NOTE, (self.table, 0))

    def _insert(self, tx: Transaction, rows: list[Row], there: int) -> None:
        tx.insert_many(self.table, self.columns, rows)
        tx.run(_NOTE, (self.table, there))


def _continue_numbering(tx: Transaction, table: str) -> None:
    """Numbers that PostgreSQL gives out go on after those that were copied."""
    for (column,) in tx.all(_IDENTITIES, (table,)):
        if (last := tx.value(f"SELECT MAX({column}) FROM {table}")) is not None:
            tx.one("SELECT setval(pg_get_serial_sequence(?, ?), ?)", (table, column, last))
