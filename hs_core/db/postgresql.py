"""The scaled engine: a few threads, each with a connection to PostgreSQL, that take units of work from one queue."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import suppress
from functools import partial
from threading import Event, Lock
from typing import Any, TypeVar

import psycopg

from hs_core.db.database import Database, Engine, Traffic, Transaction, Work, WorkCount
from hs_core.db.errors import DatabaseError, DatabaseUnavailable
from hs_core.db.exports import Exports
from hs_core.db.postgresql_knock import knock
from hs_core.db.postgresql_session import Session
from hs_core.db.postgresql_transaction import (
    BEGIN_READ,
    BEGIN_WRITE,
    PostgresTransaction,
    connection_spoiled,
    explain,
    try_again,
)
from hs_core.db.workers import Homecoming, Job, JobQueue

T = TypeVar("T")

MOST_ATTEMPTS = 8
FIRST_PAUSE = 0.002  # seconds, doubled for each attempt: half a second in all
ANSWER_SECONDS = 3.0  # that connections may be busy before somebody looks whether the server answers at all
SILENT = "PostgreSQL does not answer"
EXPORT_PATIENCE = "SET LOCAL idle_in_transaction_session_timeout = '10min'"


class PostgresDatabase(Database):
    """See `Database`. Connections are made when they are needed, and made again when they are lost."""

    engine: Engine = "postgresql"

    def __init__(self, url: str, connections: int, application_name: str) -> None:
        psycopg.conninfo.conninfo_to_dict(url)  # raises here rather than in every worker
        self._url, self._application_name = url, application_name
        self._connect = partial(Session, url, application_name)
        self._queue = JobQueue()
        self.reads, self.writes = WorkCount(), WorkCount()
        self._exports = Exports()
        self._order = CommitOrder(Homecoming(asyncio.get_running_loop()))
        self._workers: list[Worker] = []
        self._pool = 0
        self.traffic: list[Traffic] = []
        self._grow(connections)

    async def read(self, work: Work[T], *, rows: int | None = None) -> T:  # the way is the same for few
        self._check_answers()
        return await self._queue.submit(work, self.reads, writes=False)

    async def write(self, work: Work[T]) -> T:
        self._check_answers()
        return await self._queue.submit(work, self.writes, writes=True)

    def stream(self, work: Work[Iterable[T]], batch: int = 500) -> AsyncGenerator[list[T], None]:
        return self._exports.run(partial(_read_once, self._connect), work, batch)

    @property
    def connections(self) -> int:
        return sum(worker.connected for worker in self._workers) + self._exports.running

    def limit(self, pool: int, exports: int) -> None:
        self._exports.at_once = exports
        if pool < self._pool:
            self._queue.dismiss(self._pool - pool)
            self._pool = pool
        self._grow(pool - self._pool)

    def _grow(self, workers: int) -> None:
        self._workers = [worker for worker in self._workers if not worker.ended]
        for _ in range(workers):
            traffic = Traffic()
            self.traffic.append(traffic)
            worker = Worker(self._queue, partial(self._connect, traffic=traffic), self._order)
            self._workers.append(worker)
            self._queue.serve(f"db-{len(self._workers)}", worker.run)
        self._pool += workers

    async def healthy(self) -> bool:
        asked = asyncio.ensure_future(self._serves())
        await asyncio.wait([asked], timeout=ANSWER_SECONDS)
        if asked.done():
            self.silent = False
            return asked.result()
        asked.cancel()
        # Perhaps everybody is busy, or waits for somebody's lock. Whoever comes now is received, if it is no more.
        answer = await knock(self._url, self._application_name)
        self.silent = answer is None
        if self.silent:
            self._give_up()
        return answer is True

    async def _serves(self) -> bool:
        try:
            return not await self._queue.submit(_in_recovery, self.reads, writes=False)
        except DatabaseUnavailable:
            return False

    def _check_answers(self) -> None:
        if self.silent:
            raise DatabaseUnavailable(SILENT)

    def _give_up(self) -> None:
        """Let fail what has not begun, or changes nothing: what that is, is known."""
        waiting = self._queue.take_more(sys.maxsize)
        waiting += [job for worker in self._workers if (job := worker.job) is not None and not job.writes]
        for job in waiting:
            if not job.future.done():
                job.future.set_exception(DatabaseUnavailable(SILENT))

    async def close(self) -> None:
        await self._queue.close()


class CommitOrder:
    """Brings jobs home in the order of their commits, whichever thread hears of its commit first.

    A ticket is drawn when all that a transaction could wait for is done and only COMMIT is left to send. If B saw, or
    waited for, anything of A's, A's commit was done before that, and so was A's ticket drawn. A transaction that is
    `in_turn` has waited for all whose order matters, though more may be left to send.
    """

    def __init__(self, home: Homecoming) -> None:
        self.home = home
        self._lock = Lock()
        self._drawn = 0
        self._due = 0
        self._settled: dict[int, Job[Any] | None] = {}

    def draw(self) -> int:
        """A ticket, which must be settled."""
        with self._lock:
            self._drawn += 1
            return self._drawn - 1

    def settle(self, ticket: int, job: Job[Any] | None) -> None:
        """Say how a commit ended: the job if it is to go home, None if it is to be tried again."""
        with self._lock:
            self._settled[ticket] = job
            while self._due in self._settled:
                settled = self._settled.pop(self._due)
                self._due += 1
                if settled is not None:
                    self.home.put((settled,))


class Worker:
    """A thread's connection and what it does with the jobs of a queue."""

    def __init__(self, queue: JobQueue, connect: Callable[[], Session], order: CommitOrder) -> None:
        self._queue = queue
        self._connect = connect
        self._order = order
        self._session: Session | None = None
        self.job: Job[Any] | None = None
        """What it is about."""
        self.ended = False

    @property
    def connected(self) -> bool:
        """Whether it has a connection now."""
        return self._session is not None

    def run(self) -> None:
        """Serve the queue until it is closed."""
        while (job := self._queue.take()) is not None:
            if job.abandoned:
                continue
            self.job = job
            try:
                self._run(job)
            except BaseException as error:  # a mistake of ours: the caller hears of it, and the thread lives on
                job.error = error
                self._order.home.put((job,))
                self._hang_up()
            self.job = None
        self._hang_up()
        self.ended = True

    def _run(self, job: Job[Any]) -> None:
        """Run a job to its end, whatever it takes, and send it home."""
        broken = 0  # connections; the first may have been lost long ago, if the second goes too there is a reason
        for attempt in range(MOST_ATTEMPTS):
            if self._session is None and not self._dial(job):
                return
            failed = self._attempt(job)
            if failed is None:
                return
            if self._session is None:
                broken += 1
                if broken > 1 or failed.in_doubt:
                    break
            elif try_again(failed.failure):
                Event().wait(FIRST_PAUSE * 2**attempt)
            else:
                break
        self._order.home.put((job,))

    def _dial(self, job: Job[Any]) -> bool:
        """Connect; whether that went well. If not, the job is sent home with the reason."""
        lost = [job]
        try:
            self._session = self._connect()
        except psycopg.errors.ConnectionTimeout as error:
            # Who has queued behind it has waited long enough: no queue of timeouts, one after the other.
            lost += self._queue.take_more(sys.maxsize)
            reason: Exception = error
        except psycopg.Error as error:
            reason = error
        else:
            return True
        for each in lost:
            each.error = DatabaseUnavailable(f"cannot connect to PostgreSQL: {reason}")
        self._order.home.put(lost)
        return False

    def _attempt(self, job: Job[Any]) -> PostgresTransaction | None:
        """Run a job once. If it went well it has gone home; else the transaction that failed, undone."""
        session = self._session
        assert session is not None
        tx = PostgresTransaction(session, BEGIN_WRITE if job.writes else BEGIN_READ, job.callbacks)
        try:
            if job.attempt(tx) and tx.failure is None:
                self._finish(job, tx)
                return None
        except (psycopg.Error, DatabaseError) as error:
            job.error = error
        if tx.failure is not None and job.error is None:
            job.error = explain(tx.failure, job.writes)
        with suppress(psycopg.Error, DatabaseError):
            tx.roll_back()
        tx.end()
        if not session.idle or connection_spoiled(tx.failure):
            self._hang_up()
        return tx

    def _finish(self, job: Job[Any], tx: PostgresTransaction) -> None:
        """Commit and send home. Raises if it could not be committed."""
        if not job.writes:
            with suppress(psycopg.Error, DatabaseError):  # the next job will notice
                tx.end_read()
            self._go_home(job, tx)
        elif job.callbacks:
            if not tx.in_turn:
                tx.settle()
            ticket, committed = self._order.draw(), None
            try:
                tx.commit()
                tx.end()
                committed = job
            finally:
                self._order.settle(ticket, committed)
        else:
            tx.commit()
            self._go_home(job, tx)

    def _go_home(self, job: Job[Any], tx: PostgresTransaction) -> None:
        tx.end()
        self._order.home.put((job,))

    def _hang_up(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None


def _in_recovery(tx: Transaction) -> Any:
    return tx.value("SELECT pg_is_in_recovery()")


def _read_once(connect: Callable[[], Session], consume: Work[None]) -> None:
    """Run `consume` in a read transaction on a connection made for it."""
    try:
        session = connect()
    except psycopg.Error as error:
        raise DatabaseUnavailable(f"cannot connect to PostgreSQL: {error}") from error
    try:
        tx = PostgresTransaction(session, BEGIN_READ, [])
        tx.run(EXPORT_PATIENCE)
        consume(tx)
    finally:
        session.close()
