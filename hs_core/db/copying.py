"""Copy a whole database into an empty one, perhaps of the other engine: how a server moves to PostgreSQL."""

from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from functools import partial

from hs_core.db.database import Database, Row, Transaction
from hs_core.db.errors import DatabaseError
from hs_core.db.migrate import Migrations, migrate, status

ROWS_AT_ONCE = 1000
MIGRATIONS = "schema_migrations"
"""Filled by migrating the target, not by copying."""

_TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'",
    "postgresql": """
        SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = current_schema()
    """,
}
_COLUMNS = {
    "sqlite": "SELECT name FROM pragma_table_info(?) ORDER BY name",
    "postgresql": """
        SELECT CAST(column_name AS TEXT) FROM information_schema.columns
        WHERE table_schema = current_schema() AND table_name = ? ORDER BY column_name COLLATE "C"
    """,
}
_IDENTITIES = """
    SELECT CAST(column_name AS TEXT) FROM information_schema.columns
    WHERE table_schema = current_schema() AND table_name = ? AND is_identity = 'YES'
"""


class CopyError(DatabaseError):
    """The databases cannot be copied into each other; nothing, or not all, was copied."""


async def copy(source: Database, target: Database, histories: Iterable[Migrations]) -> AsyncIterator[tuple[str, int]]:
    """Copy every table; yields each with its number of rows. Nobody else may be writing either database.

    The target must be empty; its tables are made here. One that was left half copied cannot be used.
    Raises CopyError, MigrationError, DatabaseUnavailable.
    """
    histories = list(histories)
    for line in await status(source, histories):
        if line.applied_at is None or not line.known:
            remedy = "run `hs db migrate` before" if line.known else "install the newer version"
            raise CopyError(f"the source does not have the schema of this version, see {line.plugin}; {remedy}")
    if there := await target.read(_layout):
        raise CopyError(f"the target is not empty: it has the table {min(there)}; make a new database")
    await migrate(target, histories)
    tables, there = await source.read(_layout), await target.read(_layout)
    if different := sorted(name for name in tables.keys() | there if tables.get(name) != there.get(name)):
        raise CopyError(f"only one of the databases has {', '.join(different)}; is that of a plugin, installed or not?")
    for table, columns in tables.items():
        yield table, await _copy_table(source, target, table, columns)


def _layout(tx: Transaction) -> dict[str, list[str]]:
    """The columns of each table with data, both in the order of their names."""
    names = sorted(name for (name,) in tx.all(_TABLES[tx.engine]) if name != MIGRATIONS)
    return {name: [column for (column,) in tx.all(_COLUMNS[tx.engine], (name,))] for name in names}


async def _copy_table(source: Database, target: Database, table: str, columns: list[str]) -> int:
    count = 0
    await target.write(lambda tx: tx.run(f"DELETE FROM {table}"))  # migrations may have put something there
    query = f"SELECT {', '.join(columns)} FROM {table}"
    async with aclosing(source.stream(lambda tx: tx.iterate(query), ROWS_AT_ONCE)) as batches:
        async for rows in batches:
            await target.write(partial(_insert, table=table, columns=columns, rows=rows))
            count += len(rows)
    if target.engine == "postgresql":
        await target.write(partial(_continue_numbering, table=table))
    return count


def _insert(tx: Transaction, table: str, columns: list[str], rows: list[Row]) -> None:
    tx.insert_many(table, columns, rows)


def _continue_numbering(tx: Transaction, table: str) -> None:
    """Numbers that PostgreSQL gives out go on after those that were copied."""
    for (column,) in tx.all(_IDENTITIES, (table,)):
        if (last := tx.value(f"SELECT MAX({column}) FROM {table}")) is not None:
            tx.one("SELECT setval(pg_get_serial_sequence(?, ?), ?)", (table, column, last))
