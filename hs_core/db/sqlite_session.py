"""A connection to SQLite and a transaction on it: parameters in, rows and our errors out."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from hs_core.db.database import Engine, Param, Row, Scalar, Transaction
from hs_core.db.dialect import for_sqlite
from hs_core.db.errors import ConstraintViolated, DatabaseUnavailable
from hs_core.db.values import BadParameter, checked
from hs_core.db.workers import Ended

sqlite3.register_converter("BOOLEAN", lambda stored: stored != b"0")

_FETCH = 500
_AT_ONCE = (50, 10, 1)
"""Rows that one statement inserts. The driver lets go of the interpreter for each statement, and has to wait until the
event loop gives it back; a few fixed numbers, so that statements are prepared once."""

# Trouble with the machine rather than with the statement. SQLITE_BUSY: somebody else's tool has the file locked.
_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PROTOCOL,
}


def connect(path: Path, query_only: bool = False) -> sqlite3.Connection:
    """A connection with our settings. It is handed to one thread, which alone uses it."""
    connection = sqlite3.connect(
        path,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=512,
        detect_types=sqlite3.PARSE_DECLTYPES,
        timeout=5,
    )
    connection.create_function("hs_unhex", 1, _unhex, deterministic=True)
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",  # an acknowledged write survives a power cut
        "foreign_keys = ON",
        "case_sensitive_like = ON",  # as in PostgreSQL
        "cache_size = -4096",  # KiB
        "journal_size_limit = 67108864",
        f"query_only = {'ON' if query_only else 'OFF'}",
    ):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def explain(error: BaseException | None) -> BaseException | None:
    """Our error for what the driver raised, if it is one that callers are meant to handle; else the same."""
    if isinstance(error, sqlite3.IntegrityError):
        return _because(ConstraintViolated(str(error)), error)
    if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in _UNAVAILABLE:
        return _because(DatabaseUnavailable(f"SQLite: {error}"), error)
    return error


def _because(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


class SqliteTransaction(Transaction):
    """See `Transaction`. `failure` is the first error of a statement; it spoils the unit of work, as in PostgreSQL."""

    engine: Engine = "sqlite"

    def __init__(self, connection: sqlite3.Connection, callbacks: list[Callable[[], None]]) -> None:
        self._connection: sqlite3.Connection | Any = connection
        self._callbacks = callbacks
        self.failure: sqlite3.Error | None = None

    def all(self, sql: str, params: Sequence[Param] = ()) -> list[Row]:
        return self._execute(sql, params).fetchall()

    def one(self, sql: str, params: Sequence[Param] = ()) -> Row | None:
        row: Row | None = self._execute(sql, params).fetchone()
        return row

    def run(self, sql: str, params: Sequence[Param] = ()) -> int:
        before = self._connection.total_changes
        cursor = self._execute(sql, params)
        # The driver counts only what begins with INSERT, UPDATE or DELETE, not `WITH ... INSERT`.
        return cursor.rowcount if cursor.rowcount >= 0 else self._connection.total_changes - before

    def run_many(self, sql: str, rows: Iterable[Sequence[Param]]) -> None:
        prepared = [_bound(row) for row in rows]
        try:
            self._connection.executemany(for_sqlite(sql), prepared)
        except sqlite3.Error as error:
            self._spoil(error)

    def insert_many(
        self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Scalar]], on_conflict: str = ""
    ) -> None:
        done = 0
        for count in _AT_ONCE:
            insert = _insert(table, tuple(columns), count, on_conflict)
            while len(rows) - done >= count:
                self._execute(insert, [value for row in rows[done : done + count] for value in row])
                done += count

    def iterate(self, sql: str, params: Sequence[Param] = ()) -> Iterator[Row]:
        cursor = self._execute(sql, params)
        while self._connection.in_transaction and (rows := cursor.fetchmany(_FETCH)):
            yield from rows

    def after_commit(self, callback: Callable[[], None], *, in_turn: bool = False) -> None:  # one writer: always so
        self._callbacks.append(callback)

    def end(self) -> None:
        """Refuse any further use."""
        self._connection = Ended()

    def _execute(self, sql: str, params: Sequence[Param]) -> sqlite3.Cursor:
        bound = _bound(params)
        try:
            return self._connection.execute(for_sqlite(sql), bound)
        except sqlite3.Error as error:
            self._spoil(error)
            raise

    def _spoil(self, error: sqlite3.Error) -> None:
        self.failure = self.failure or error
        raise explain(error) or error


@lru_cache
def _insert(table: str, columns: tuple[str, ...], count: int, on_conflict: str) -> str:
    row = f"({', '.join('?' * len(columns))})"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * count)} {on_conflict}"


def _bound(params: Sequence[Param]) -> Sequence[Any]:
    """The parameters as the driver takes them: lists become JSON for `json_each`."""
    has_list = False
    for param in params:
        if isinstance(param, list | tuple):
            has_list = True
        else:
            checked(param)
    return (
        [_list_as_json(param) if isinstance(param, list | tuple) else param for param in params] if has_list else params
    )


def _list_as_json(values: Sequence[Any]) -> str:
    """Bytes become one-element arrays of hex, which `hs_unhex` turns back (JSON has no bytes, SQLite 3.40 no unhex)."""
    if values and isinstance(values[0], bytes):
        return orjson.dumps([[value.hex()] for value in values]).decode()
    try:
        return orjson.dumps([checked(value) for value in values]).decode()
    except orjson.JSONEncodeError:
        raise BadParameter("text with a lone surrogate cannot be stored") from None


def _unhex(array: str) -> bytes:
    return bytes.fromhex(array[2:-2])
