"""Threads that do database work for the event loop, and the way their results come back to it."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Generic, NoReturn, TypeVar

from hs_core.db.database import Transaction, Work, WorkCount
from hs_core.db.errors import DatabaseUnavailable

T = TypeVar("T")


class Ended:
    """Stands in for the connection of a transaction that is over, for who kept the transaction or an iterator of it."""

    def __getattr__(self, name: str) -> NoReturn:
        raise RuntimeError("a transaction was used after its unit of work had ended")


@dataclass(slots=True, eq=False)
class Job(Generic[T]):
    """A unit of work on its way: what to run, who waits for it, and how it ended."""

    work: Work[T]
    future: asyncio.Future[T]
    writes: bool
    result: T | None = None
    error: BaseException | None = None
    callbacks: list[Callable[[], None]] = field(default_factory=list)

    @property
    def abandoned(self) -> bool:
        """Whether nobody waits for it any more. Only a job that has not begun may be dropped for that."""
        return self.future.cancelled()

    def attempt(self, tx: Transaction) -> bool:
        """Run the work; whether it went well."""
        self.result = self.error = None
        self.callbacks.clear()
        try:
            self.result = self.work(tx)
        except StopIteration as error:  # which no future can carry
            self.error = RuntimeError(f"a unit of work raised {error!r}")
        except BaseException as error:
            self.error = error
        return self.error is None

    def settle(self) -> None:
        """On the event loop's thread: announce what was committed, then answer who waits."""
        if self.error is None:
            for callback in self.callbacks:
                try:
                    callback()
                except Exception as error:
                    self.future.get_loop().call_exception_handler(
                        {"message": "a callback after a commit failed", "exception": error, "callback": callback}
                    )
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)  # type: ignore[arg-type]  # the result of work, whatever T is
        else:
            self.future.set_exception(self.error)


class Homecoming:
    """Brings settled jobs from the threads to the event loop, in the order given, waking it once for many."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._settled: deque[Job[Any]] = deque()
        self._woken = False

    def put(self, jobs: Iterable[Job[Any]]) -> None:
        """From any thread. Jobs of one call are settled in their order."""
        self._settled.extend(jobs)
        if not self._woken:
            self._woken = True
            try:
                self.loop.call_soon_threadsafe(self._settle)
            except RuntimeError:  # the loop is closed: whoever waited has gone with it
                self._settled.clear()

    def _settle(self) -> None:
        self._woken = False  # before looking: a thread that adds a job after this wakes the loop again
        while self._settled:
            self._settled.popleft().settle()


class JobQueue:
    """Jobs waiting for the threads that serve this queue."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[Job[Any] | None] = SimpleQueue()
        self._threads: list[Thread] = []
        self.is_closing = False

    def serve(self, name: str, loop: Callable[[], None]) -> None:
        """Start a thread that runs `loop`, which takes jobs until there are none to come."""
        thread = Thread(target=loop, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def dismiss(self, threads: int) -> None:
        """Have so many of the threads end, after what is queued now."""
        for _ in range(threads):
            self._waiting.put(None)

    def submit(self, work: Work[T], count: WorkCount, writes: bool) -> asyncio.Future[T]:
        """Queue a unit of work; the future has its result. `count` takes note of it."""
        if self.is_closing:
            raise DatabaseUnavailable("the database is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        count.waiting += 1
        future.add_done_callback(partial(_note_end, count, loop.time()))
        self._waiting.put(Job(work, future, writes))
        return future

    def take(self) -> Job[Any] | None:
        """Wait for the next job; None when the queue is closed and empty."""
        return self._waiting.get()

    def take_more(self, limit: int) -> list[Job[Any]]:
        """Up to `limit` jobs that are waiting already."""
        jobs: list[Job[Any]] = []
        try:
            while len(jobs) < limit:
                job = self._waiting.get_nowait()
                if job is None:
                    self._waiting.put(None)  # for the thread's next look
                    break
                jobs.append(job)
        except Empty:
            pass
        return jobs

    async def close(self) -> None:
        """Let the threads finish what is queued, then end."""
        self.is_closing = True
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)


def _note_end(count: WorkCount, began: float, future: asyncio.Future[Any]) -> None:
    count.waiting -= 1
    count.note(began, future.get_loop().time())
