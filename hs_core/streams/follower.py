"""Follow a stream: deliver every row once and in order, notice gaps, catch up from the database.

Positions are handed out in the order of commits and without holes (see `Log`), so a follower that has all rows up to
some position needs to remember nothing else: a batch that begins there is next, one that begins later tells of a gap.
"""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec
import structlog

from hs_core.clock import Clock
from hs_core.db import Database, DatabaseUnavailable, Transaction
from hs_core.plugin.declaration import Stream
from hs_core.streams.batch import Batch

Row = TypeVar("Row", bound=msgspec.Struct)

log = structlog.get_logger(__name__)

GAP_PATIENCE = 0.05
"""Seconds to wait for a late message before reading the database instead."""

CATCH_UP_ROWS = 1000
"""Rows read in one unit of work."""

_POSITION = "SELECT position FROM stream_positions WHERE stream = ?"


def stored_position(tx: Transaction, stream: str) -> int:
    """The last committed position of a stream."""
    return int(tx.value(_POSITION, (stream,)) or 0)


class Follower(Generic[Row]):
    """The place in one stream that this process has reached."""

    def __init__(self, stream: Stream[Row], db: Database, clock: Clock) -> None:
        self.stream = stream
        self.position = 0
        """Every row up to here has been delivered to the subscribers."""
        self._db = db
        self._clock = clock
        self._subscribers: list[Callable[[Batch[Row]], None]] = []
        self._early: dict[int, Batch[Row]] = {}
        self._behind = asyncio.Event()
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []

    async def begin(self) -> None:
        """Stand at the end of the stream as the database has it. To be called before anything is delivered."""
        self.position = await self._db.read(lambda tx: stored_position(tx, self.stream.name))

    def subscribe(self, deliver: Callable[[Batch[Row]], None]) -> None:
        """Have `deliver` called, on the event loop, with every batch from now on, in order and without repetition."""
        self._subscribers.append(deliver)

    def receive(self, batch: Batch[Row]) -> None:
        """A batch from the bus: early, late, repeated or just right."""
        if batch.up_to <= self.position:
            return
        if batch.after > self.position:
            self._early[batch.after] = batch
            self._behind.set()
            return
        self._deliver(batch)
        while early := self._early.pop(self.position, None):
            self._deliver(early)
        if self._early:
            self._early = {after: held for after, held in self._early.items() if held.up_to > self.position}

    async def reached(self, position: int) -> None:
        """Return when every row up to `position` has been delivered here.

        A position that the bus has not told of yet is looked for in the database.
        """
        if position <= self.position:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append((position, waiter))
        self._behind.set()
        try:
            await waiter
        finally:
            self._waiters = [entry for entry in self._waiters if entry[1] is not waiter]

    async def run(self) -> None:
        """Close gaps for as long as the process lives."""
        while True:
            await self._behind.wait()
            await self._clock.sleep(GAP_PATIENCE)
            self._behind.clear()
            if not self._early and not self._waiters:
                continue
            try:
                await self.catch_up()
            except DatabaseUnavailable:
                log.warning("cannot catch up, the database is away", stream=self.stream.name, position=self.position)
            if self._early or self._waiters:
                self._behind.set()

    async def catch_up(self) -> None:
        """Read from the database what has been committed and not been delivered."""
        while batch := await self._db.read(self._next_from_database):
            self.receive(batch)

    def _next_from_database(self, tx: Transaction) -> Batch[Row] | None:
        after, end = self.position, stored_position(tx, self.stream.name)
        if end <= after:
            return None
        rows = self.stream.load(tx, after, end, CATCH_UP_ROWS)
        up_to = rows[-1][0] if len(rows) == CATCH_UP_ROWS else end
        return Batch(self.stream.name, after, up_to, rows)

    def _deliver(self, batch: Batch[Row]) -> None:
        if batch.after < self.position:
            rows = [(position, row) for position, row in batch.rows if position > self.position]
            batch = Batch(batch.stream, self.position, batch.up_to, rows)
        self.position = batch.up_to
        for deliver in self._subscribers:
            deliver(batch)
        if self._waiters:
            self._wake()

    def _wake(self) -> None:
        for position, waiter in self._waiters:
            if position <= self.position and not waiter.done():
                waiter.set_result(None)
