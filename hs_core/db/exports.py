"""Long reads: a thread of their own yields rows in batches, at the pace of the consumer."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from itertools import islice
from threading import Semaphore, Thread
from typing import Generic, TypeVar

from hs_core.db.database import Transaction, Work

T = TypeVar("T")

AT_ONCE = 2
BATCHES_AHEAD = 2


class Exports:
    """The exports of one database; more than `at_once` wait for each other, for each has a connection of its own."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self.at_once = at_once
        """May be changed; those that run are not broken off."""
        self.running = 0
        self._room = asyncio.Condition()

    async def run(
        self, in_transaction: Callable[[Work[None]], None], work: Work[Iterable[T]], batch: int
    ) -> AsyncGenerator[list[T], None]:
        """Batches of what `work` yields. `in_transaction` runs a unit of work, blocking, on a connection of its own."""
        async with self._one_of_few():
            handover: _Handover[T] = _Handover(work, batch)
            thread = Thread(target=handover.produce, args=(in_transaction,), name="db-export", daemon=True)
            thread.start()
            try:
                while rows := await handover.arrived.get():
                    yield rows
                    handover.room.release()
            finally:
                handover.stopped = True
                handover.room.release()
                await handover.ended
        if handover.error is not None:
            raise handover.error

    @asynccontextmanager
    async def _one_of_few(self) -> AsyncIterator[None]:
        async with self._room:
            await self._room.wait_for(lambda: self.running < self.at_once)
            self.running += 1
        try:
            yield
        finally:
            self.running -= 1
            async with self._room:
                self._room.notify_all()


class _Handover(Generic[T]):
    """Between the thread that reads and the task that consumes."""

    def __init__(self, work: Work[Iterable[T]], batch: int) -> None:
        self._work, self._batch = work, batch
        self._loop = asyncio.get_running_loop()
        self.arrived: asyncio.Queue[list[T]] = asyncio.Queue()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self.room = Semaphore(BATCHES_AHEAD)
        self.stopped = False
        self.error: BaseException | None = None

    def produce(self, in_transaction: Callable[[Work[None]], None]) -> None:
        """On the thread: read until the end, or until nobody wants more."""
        try:
            in_transaction(self._consume)
        except BaseException as error:
            self.error = error
        self._loop.call_soon_threadsafe(self._end)

    def _consume(self, tx: Transaction) -> None:
        items = iter(self._work(tx))
        while self.room.acquire() and not self.stopped and (rows := list(islice(items, self._batch))):
            self._loop.call_soon_threadsafe(self.arrived.put_nowait, rows)

    def _end(self) -> None:
        self.arrived.put_nowait([])
        if not self.ended.done():
            self.ended.set_result(None)
