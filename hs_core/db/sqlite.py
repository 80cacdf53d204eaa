"""The embedded engine: one SQLite file, one process, one thread that writes and a few that read."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Iterable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from hs_core.db.database import Database, Engine, Transaction, Work, WorkCount
from hs_core.db.errors import DatabaseUnavailable
from hs_core.db.exports import Exports
from hs_core.db.filelock import FileLock
from hs_core.db.sqlite_session import SqliteTransaction, connect, explain
from hs_core.db.workers import Homecoming, Job, JobQueue

T = TypeVar("T")

MOST_JOBS_IN_A_COMMIT = 128

FEW_ROWS = 128
"""Rows that are looked up on the event loop's own thread: each costs some microseconds, and waking another thread as
much as ten to forty of them.
"""


class SqliteDatabase(Database):
    """See `Database`. Writes of many callers share a commit; each has a savepoint of its own."""

    engine: Engine = "sqlite"

    def __init__(
        self,
        path: Path,
        lock: FileLock,
        writer: sqlite3.Connection,
        readers: list[sqlite3.Connection],
        at_hand: sqlite3.Connection,
    ) -> None:
        self._path = path
        self._at_hand = at_hand
        self._lock = lock
        self.reads, self.writes = WorkCount(), WorkCount()
        self._exports = Exports()
        home = Homecoming(asyncio.get_running_loop())
        self._writes, self._reads = JobQueue(), JobQueue()
        self._writes.serve("db-writer", partial(_write_all, self._writes, home, writer))
        for number, connection in enumerate(readers):
            self._reads.serve(f"db-reader-{number}", partial(_read_all, self._reads, home, connection))

    @classmethod
    async def open(cls, path: Path, readers: int) -> "SqliteDatabase":
        """Open the file, creating it if need be. Raises DatabaseInUse and DatabaseUnavailable."""
        try:
            lock = FileLock(path)
        except OSError as error:
            raise DatabaseUnavailable(f"cannot open {path}: {error.strerror}") from error
        try:
            # Not on the event loop: the first connection may have a long log to recover.
            connections = await asyncio.to_thread(_connect_all, path, readers)
        except sqlite3.Error as error:
            lock.release()
            raise DatabaseUnavailable(f"cannot open {path}: {error}") from error
        return cls(path, lock, *connections)

    async def read(self, work: Work[T], *, rows: int | None = None) -> T:
        if rows is not None and rows <= FEW_ROWS and not self._reads.is_closing:
            loop = asyncio.get_running_loop()
            began, job = loop.time(), Job[T](work, loop.create_future(), writes=False)
            _read(self._at_hand, job)
            # What cannot be had at once (the file may be locked by somebody's tool) is waited for elsewhere.
            if not isinstance(job.error, DatabaseUnavailable):
                self.reads.note(began, loop.time())
                job.settle()
                return await job.future
        return await self._reads.submit(work, self.reads, writes=False)

    async def write(self, work: Work[T]) -> T:
        return await self._writes.submit(work, self.writes, writes=True)

    def stream(self, work: Work[Iterable[T]], batch: int = 500) -> AsyncGenerator[list[T], None]:
        return self._exports.run(partial(read_once, self._path), work, batch)

    async def healthy(self) -> bool:
        try:
            await asyncio.gather(self.read(lambda tx: tx.value("SELECT 1")), self.write(_touch))
        except DatabaseUnavailable:
            return False
        return True

    async def close(self) -> None:
        await self._reads.close()
        await self._writes.close()
        self._at_hand.close()
        self._lock.release()


def _connect_all(path: Path, readers: int) -> tuple[sqlite3.Connection, list[sqlite3.Connection], sqlite3.Connection]:
    """The writer's connection, those of the readers, and the event loop's own."""
    path.touch(mode=0o600)  # password hashes are in it; the log beside it gets the same mode
    writer = connect(path)
    at_hand = connect(path, query_only=True)
    at_hand.execute("PRAGMA busy_timeout = 0")
    return writer, [connect(path, query_only=True) for _ in range(readers)], at_hand


def _touch(_tx: Transaction) -> None:
    """Nothing, in a transaction that has the file's write lock."""


def _read_all(queue: JobQueue, home: Homecoming, connection: sqlite3.Connection) -> None:
    while (job := queue.take()) is not None:
        if not job.abandoned:
            _read(connection, job)
            home.put((job,))
    connection.close()


def _read(connection: sqlite3.Connection, job: Job[Any]) -> None:
    try:
        connection.execute("BEGIN")
        tx = SqliteTransaction(connection, job.callbacks)
        job.attempt(tx)
        tx.end()
    except sqlite3.Error as error:
        job.error = error
    finally:
        _roll_back(connection)
    job.error = explain(job.error)


def read_once(path: Path, consume: Work[None]) -> None:
    """Run `consume` in a read transaction on a connection made for it."""
    try:
        with closing(connect(path, query_only=True)) as connection:
            connection.execute("BEGIN")
            consume(SqliteTransaction(connection, []))
    except sqlite3.Error as error:
        raise explain(error) or error from error


def _write_all(queue: JobQueue, home: Homecoming, connection: sqlite3.Connection) -> None:
    while (first := queue.take()) is not None:
        jobs = [job for job in (first, *queue.take_more(MOST_JOBS_IN_A_COMMIT - 1)) if not job.abandoned]
        if jobs:
            _commit_together(connection, jobs)
            home.put(jobs)
    connection.close()


def _commit_together(connection: sqlite3.Connection, jobs: list[Job[Any]]) -> None:
    """Run the jobs in one transaction. One that fails undoes only itself; a commit that fails fails them all."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        for job in jobs:
            _run_in_savepoint(connection, job)
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        _roll_back(connection)
        for job in jobs:
            job.error = job.error or DatabaseUnavailable(f"SQLite could not commit: {error}")


def _run_in_savepoint(connection: sqlite3.Connection, job: Job[Any]) -> None:
    """Raises sqlite3.Error if the whole transaction is lost (disk full, say)."""
    connection.execute("SAVEPOINT job")
    tx = SqliteTransaction(connection, job.callbacks)
    job.attempt(tx)
    tx.end()
    job.error = explain(job.error or tx.failure)
    if job.error is not None:
        if not connection.in_transaction:
            raise sqlite3.OperationalError(f"transaction lost: {job.error}")
        connection.execute("ROLLBACK TO job")
    connection.execute("RELEASE job")


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")
