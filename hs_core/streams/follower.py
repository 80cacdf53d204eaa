"""Follow a stream: deliver every row once and in order, notice gaps, catch up from the database.

Positions are handed out in the order of commits and without holes (see `Log`), so a follower that has all rows up to
some position needs to remember nothing else: a batch that begins there is next, one that begins later tells of a gap.
A stream in memory is followed by a `MemoryFollower`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
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

MOST_EARLY_ROWS = 10_000
"""Rows kept for later when there is a gap before them. More are read from the database when their turn comes."""

_POSITIONS = "SELECT stream, position FROM stream_positions"
_POSITION = "SELECT position FROM stream_positions WHERE stream = ?"


def stored_position(tx: Transaction, stream: str) -> int:
    """The last committed position of a stream."""
    return int(tx.value(_POSITION, (stream,)) or 0)


def stored_positions(tx: Transaction) -> dict[str, int]:
    """The same of every stream."""
    return dict(tx.all(_POSITIONS))


class Follower(Generic[Row]):
    """The place in one stream that this process has reached."""

    def __init__(
        self,
        stream: Stream[Row],
        db: Database,
        clock: Clock,
        asleep: Callable[[Follower[Row]], Awaitable[None]] | None = None,
    ) -> None:
        """`asleep` is what has to be done before it follows, if it does not do so from the beginning."""
        self.stream = stream
        self.position = 0
        """Every row up to here has been delivered to the subscribers."""
        self._db = db
        self._clock = clock
        self._subscribers: list[Callable[[Batch[Row]], None]] = []
        self._early: dict[int, Batch[Row]] = {}
        self._early_rows = 0
        self._told = 0
        self._doubted = False
        self._behind = asyncio.Event()
        self._waiters: dict[asyncio.Future[bool], int] = {}
        self._asleep = asleep
        self._waking = asyncio.Lock()

    @property
    def lag(self) -> int:
        """Positions that this process has been told of and has not delivered yet."""
        return max(0, self._told - self.position)

    @property
    def behind(self) -> bool:
        """Whether there is, as far as is known, something that has not been delivered."""
        return self._doubted or self._told > self.position

    async def begin(self) -> None:
        """Stand at the end of the stream as the database has it. To be called before anything is received."""
        self.position = self._told = await self._db.read(lambda tx: stored_position(tx, self.stream.name))

    @property
    def asleep(self) -> bool:
        """Whether the stream is not followed, because nobody has asked for it yet."""
        return self._asleep is not None

    async def awake(self) -> None:
        """Return when the stream is followed: whatever is committed from now on will be delivered."""
        if self._asleep is not None:
            async with self._waking:
                if self._asleep is not None:
                    await self._asleep(self)
                    self._asleep = None

    def subscribe(self, deliver: Callable[[Batch[Row]], None]) -> None:
        """Have `deliver` called, on the event loop, with every batch from now on, in order and without repetition.

        Subscribe before loading what the rows are to keep true, or what is committed in between is missed. `deliver`
        does not raise; should it, that is logged, and the other subscribers hear of the batch all the same.
        """
        self._subscribers.append(deliver)

    def receive(self, batch: Batch[Row]) -> None:
        """A batch from the bus: early, late, repeated or just right."""
        if batch.up_to <= self.position:
            return
        if batch.after > self.position:
            self._keep(batch)
            return
        self._deliver(batch)
        if self._early:
            self._deliver_early()

    def told(self, position: int) -> None:
        """The stream has come so far, as somebody has seen in the database."""
        if position > self.position:
            self._told = max(self._told, position)
            self._behind.set()

    def look(self) -> None:
        """Find out from the database, in a moment, whether there is more than the bus has told."""
        self._doubted = True
        self._behind.set()

    async def reached(self, position: int) -> bool:
        """Return when every row up to `position` has been delivered here.

        A position that the bus has not told of yet is looked for in the database. The answer is False if there is no
        such position: this deployment never handed it out.
        """
        if position <= self.position:
            return True
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiters[waiter] = position
        self._behind.set()
        try:
            return await waiter
        finally:
            self._waiters.pop(waiter, None)

    async def run(self) -> None:
        """Close gaps for as long as the process lives.

        Where several processes write a stream there is always one message or another on its way, and a gap before those
        that have overtaken it. Only a gap that stays is worth a look into the database.
        """
        while True:
            await self._behind.wait()
            position, waiters = self.position, set(self._waiters)
            await self._clock.sleep(GAP_PATIENCE)
            self._behind.clear()
            if self._doubted or self._is_stuck_at(position) or not waiters.isdisjoint(self._waiters):
                await self._close_gap()
            elif self.behind or self._waiters:
                self._behind.set()

    def _is_stuck_at(self, position: int) -> bool:
        """Whether there is a gap behind this position, where the follower stood before it had patience."""
        return self.position == position < self._told

    async def catch_up(self) -> None:
        """Read from the database what has been committed and not been delivered. Raises DatabaseUnavailable."""
        while batch := await self._db.read(self._next_from_database):
            self.receive(batch)

    async def _close_gap(self) -> None:
        told, waiters = self._told, list(self._waiters)
        self._doubted = False
        try:
            await self.catch_up()
        except DatabaseUnavailable:
            log.warning("cannot catch up, the database is away", stream=self.stream.name, position=self.position)
            self.look()
            return
        # The database has answered, so whatever it does not have by now was never committed.
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(False)
        if self._told <= told and self.position < self._told:
            log.error("a batch that is not in the database", stream=self.stream.name, position=self.position, told=told)
            self._told = self.position
            self._forget_early()

    def _next_from_database(self, tx: Transaction) -> Batch[Row] | None:
        after, end = self.position, stored_position(tx, self.stream.name)
        if end <= after:
            return None
        rows = self.stream.load(tx, after, end, CATCH_UP_ROWS)
        up_to = rows[-1][0] if len(rows) == CATCH_UP_ROWS else end
        return Batch(self.stream.name, after, up_to, rows)

    def _keep(self, batch: Batch[Row]) -> None:
        self._told = max(self._told, batch.up_to)
        self._behind.set()
        known = self._early.get(batch.after)
        if known is not None and known.up_to >= batch.up_to:
            return
        more = len(batch.rows) - (len(known.rows) if known else 0)
        if self._early_rows + more <= MOST_EARLY_ROWS:
            self._early[batch.after] = batch
            self._early_rows += more

    def _deliver_early(self) -> None:
        for after in sorted(self._early):
            if after > self.position:
                return
            batch = self._early.pop(after)
            self._early_rows -= len(batch.rows)
            if batch.up_to > self.position:
                self._deliver(batch)

    def _forget_early(self) -> None:
        self._early.clear()
        self._early_rows = 0

    def _deliver(self, batch: Batch[Row]) -> None:
        if batch.after < self.position:
            rows = [(position, row) for position, row in batch.rows if position > self.position]
            batch = Batch(batch.stream, self.position, batch.up_to, rows)
        self.position = batch.up_to
        for deliver in self._subscribers:
            try:
                deliver(batch)
            except Exception:
                log.exception("a subscriber failed", stream=batch.stream, after=batch.after, up_to=batch.up_to)
        if self._waiters:
            self._wake()

    def _wake(self) -> None:
        for waiter, position in self._waiters.items():
            if position <= self.position and not waiter.done():
                waiter.set_result(True)
