"""A transaction on a PostgreSQL session."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

import psycopg
from psycopg.pq.abc import PGresult

from hs_core.db.database import Engine, Param, Row, Scalar, Transaction
from hs_core.db.errors import ConstraintViolated, DatabaseError, DatabaseUnavailable
from hs_core.db.postgresql_session import Session
from hs_core.db.values import checked
from hs_core.db.workers import Ended

BEGIN_WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
BEGIN_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

_QUEUE_AT_MOST = 250
_COPY_FROM = 50  # rows; fewer are cheaper as single statements in one round trip
_FETCH = 500

_TRY_AGAIN = {
    "40001",  # serialization_failure
    "40P01",  # deadlock_detected
    "55P03",  # lock_not_available: a migration gave up waiting for its lock
}
# Classes 08 connection, 53 resources, 57 operator intervention, 58 system, XX internal (a damaged disk, say).
_UNAVAILABLE = ("08", "53", "57", "58", "XX")
_IDLE_TOO_LONG = "25P03"
_READ_ONLY = "25006"  # to a write: the server has become a standby; a new connection may find the new primary
_OUR_MISTAKE = "08P01"  # a wrong number of parameters; not trouble with the connection, as the rest of its class
_PLAN_CHANGED = "0A000"  # "cached plan must not change result type", after a migration


def try_again(error: BaseException | None) -> bool:
    """Whether the transaction failed only for what others did at the same time."""
    return isinstance(error, psycopg.Error) and error.sqlstate in _TRY_AGAIN


def connection_spoiled(error: BaseException | None) -> bool:
    """Whether the same may work over a new connection."""
    if not isinstance(error, psycopg.Error):
        return False
    state = error.sqlstate
    if state is None:
        return isinstance(error, psycopg.OperationalError)
    if state == _OUR_MISTAKE:
        return False
    return state.startswith(("08", "57P")) or state in (_IDLE_TOO_LONG, _PLAN_CHANGED, _READ_ONLY)


def explain(error: BaseException, writing: bool) -> BaseException:
    """Our error for what the driver raised, if it is one that callers are meant to handle; else the same."""
    ours: Exception
    if not isinstance(error, psycopg.Error):
        return error
    state = error.sqlstate or ("08000" if isinstance(error, psycopg.OperationalError) else "")
    if state == _OUR_MISTAKE:
        return error
    if state.startswith("23"):
        ours = ConstraintViolated(str(error))
    elif (
        state.startswith(_UNAVAILABLE)
        or state in _TRY_AGAIN
        or state == _IDLE_TOO_LONG
        or (writing and state == _READ_ONLY)
    ):
        ours = DatabaseUnavailable(f"PostgreSQL: {error}")
    else:
        return error
    ours.__cause__ = error
    return ours


class PostgresTransaction(Transaction):
    """See `Transaction`. BEGIN goes out with the first statement.

    `failure` is the first error of any statement; `in_turn`, whether all that is to be called after the commit is;
    `in_doubt`, whether COMMIT was sent: if the connection was lost after that, nobody knows.
    """

    engine: Engine = "postgresql"

    def __init__(self, session: Session, begin: str, callbacks: list[Callable[[], None]]) -> None:
        self._session: Session | Any = session
        self._begin = begin
        self._callbacks = callbacks
        self._begun = False
        self._cursors = 0
        self.in_turn = True
        self.in_doubt = False
        self.failure: psycopg.Error | None = None

    def all(self, sql: str, params: Sequence[Param] = ()) -> list[Row]:
        return self._session.rows(self._finish(sql, params))

    def one(self, sql: str, params: Sequence[Param] = ()) -> Row | None:
        rows = self.all(sql, params)
        return rows[0] if rows else None

    def run(self, sql: str, params: Sequence[Param] = ()) -> int:
        changed: int | None = self._finish(sql, params).command_tuples
        return changed or 0

    def run_many(self, sql: str, rows: Iterable[Sequence[Param]]) -> None:
        for row in rows:
            self._queue(sql, row)
            if self._session.queued >= _QUEUE_AT_MOST:
                self.settle()

    def insert_many(
        self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Scalar]], on_conflict: str = ""
    ) -> None:
        insert, copy = _insert(table, tuple(columns))
        if on_conflict or len(rows) < _COPY_FROM:
            self.run_many(f"{insert} {on_conflict}" if on_conflict else insert, rows)
            return
        for row in rows:
            for value in row:
                checked(value)
        self._queue_begin()
        self.settle()
        try:
            self._session.copy(copy, rows)
        except psycopg.Error as error:
            self._spoil(error)

    def iterate(self, sql: str, params: Sequence[Param] = ()) -> Iterator[Row]:
        self._cursors += 1
        name = f"hs_cursor_{self._cursors}"
        self._queue(f"DECLARE {name} NO SCROLL CURSOR FOR {sql}", params)
        while rows := self.all(f"FETCH {_FETCH} FROM {name}"):
            yield from rows

    def after_commit(self, callback: Callable[[], None], *, in_turn: bool = False) -> None:
        self._callbacks.append(callback)
        self.in_turn = self.in_turn and in_turn

    def settle(self) -> None:
        """Wait for what is queued. Raises its first error."""
        if self._session.queued:
            self._collect()

    def commit(self) -> None:
        """Commit, if there is anything to. Raises what `explain` makes of a failure."""
        if not self._begun:
            return
        self.in_doubt = True
        if self._finish("COMMIT").command_status != b"COMMIT":
            self._spoil(psycopg.errors.InFailedSqlTransaction("the transaction had failed"))

    def roll_back(self) -> None:
        """Undo everything. Raises an error if the connection is lost."""
        if not self._begun:
            return
        with suppress(psycopg.Error, DatabaseError):
            self.settle()  # one that fails would keep ROLLBACK from being run
        self._finish("ROLLBACK")

    def end_read(self) -> None:
        """End a transaction that changed nothing, without waiting for it."""
        if self.failure or self._session.queued:
            self.roll_back()
        elif self._begun:
            self._session.queue("COMMIT")
            self._session.send()

    def end(self) -> None:
        """Refuse any further use."""
        self._session = Ended()

    def _queue_begin(self) -> None:
        if not self._begun:
            self._session.tidy()
            self._session.queue(self._begin)
            self._begun = True

    def _queue(self, sql: str, params: Sequence[Param]) -> None:
        self._queue_begin()
        try:
            self._session.queue(sql, params)
        except psycopg.Error as error:
            self._spoil(error)

    def _finish(self, sql: str, params: Sequence[Param] = ()) -> PGresult:
        self._queue(sql, params)
        return self._collect()

    def _collect(self) -> PGresult:
        try:
            return self._session.finish()
        except psycopg.Error as error:
            self._spoil(error)
            raise

    def _spoil(self, error: psycopg.Error) -> None:
        self.failure = self.failure or error
        raise explain(error, self._begin is BEGIN_WRITE) from error


@lru_cache
def _insert(table: str, columns: tuple[str, ...]) -> tuple[str, str]:
    names = ", ".join(columns)
    insert = f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})"
    return insert, f"COPY {table} ({names}) FROM STDIN"
