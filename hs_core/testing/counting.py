"""How often a database is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar
from unittest.mock import patch

from hs_core.db import Database, Transaction, Work
from hs_core.db.database import Param, Row, Scalar

T = TypeVar("T")


class Counted(Transaction):
    """A transaction whose statements are noted."""

    def __init__(self, tx: Transaction, statements: list[str]) -> None:
        self.engine = tx.engine
        self._tx = tx
        self._statements = statements

    def all(self, sql: str, params: Sequence[Param] = ()) -> list[Row]:
        self._statements.append(sql)
        return self._tx.all(sql, params)

    def one(self, sql: str, params: Sequence[Param] = ()) -> Row | None:
        self._statements.append(sql)
        return self._tx.one(sql, params)

    def run(self, sql: str, params: Sequence[Param] = ()) -> int:
        self._statements.append(sql)
        return self._tx.run(sql, params)

    def run_many(self, sql: str, rows: Iterable[Sequence[Param]]) -> None:
        """Each row counts: some engines take them one by one."""
        each = list(rows)
        self._statements += [sql] * len(each)
        self._tx.run_many(sql, each)

    def insert_many(
        self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Scalar]], on_conflict: str = ""
    ) -> None:
        self._statements.append(f"INSERT INTO {table}")
        self._tx.insert_many(table, columns, rows, on_conflict)

    def iterate(self, sql: str, params: Sequence[Param] = ()) -> Iterator[Row]:
        self._statements.append(sql)
        return self._tx.iterate(sql, params)

    def after_commit(self, callback: Callable[[], None], *, in_turn: bool = False) -> None:
        self._tx.after_commit(callback, in_turn=in_turn)


@contextmanager
def counted(db: Database) -> Iterator[list[str]]:
    """The statements that the database is given meanwhile, by whomever."""
    statements: list[str] = []
    read, write = db.read, db.write

    async def counted_read(work: Work[Any], **options: Any) -> Any:
        return await read(lambda tx: work(Counted(tx, statements)), **options)

    async def counted_write(work: Work[Any], **options: Any) -> Any:
        return await write(lambda tx: work(Counted(tx, statements)), **options)

    with patch.object(db, "read", counted_read), patch.object(db, "write", counted_write):
        yield statements
