"""Follow a stream in memory: several owners of slots speak at once, and what is lost is lost. See docs/adr/0004.

What one owner of a slot says is a lane, and each lane is followed as a whole stream is otherwise: what is repeated is
dropped, and what is early waits a moment for what comes before it. Nobody listens to an owner of before any more. In
here the lanes become one stream, in the order in which they arrive: a row that comes late is numbered anew, after the
rest, so that whoever was told of the rest is told of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import msgspec
import structlog

from hs_core.clock import Clock
from hs_core.db import Database, DatabaseUnavailable, Transaction
from hs_core.plugin.declaration import Stream
from hs_core.streams.batch import Batch
from hs_core.streams.follower import GAP_PATIENCE, MOST_EARLY_ROWS, Follower
from hs_core.streams.kept import KeptRows
from hs_core.streams.numbers import Numbers

Row = TypeVar("Row", bound=msgspec.Struct)

log = structlog.get_logger(__name__)

HEIR_PATIENCE = 3.0
"""Seconds that a slot's new owner has for saying what it keeps, before all is forgotten that an owner before said."""

_EPOCHS = "SELECT slot, epoch FROM stream_slots WHERE stream = ?"


@dataclass(slots=True)
class _Lane(Generic[Row]):
    """What the newest owner of a slot has said, as far as it has been heard here."""

    slot: int
    epoch: int
    first_seen: float
    """When this owner was heard of, in seconds of the monotonic clock."""
    end: int = 0
    early: dict[int, Batch[Row]] = field(default_factory=dict)
    """Batches that are kept until what comes before them is there, by their `after`."""
    since: float = 0.0
    """When the first of them came, in seconds of the monotonic clock."""


class MemoryFollower(Follower[Row]):
    """See `Follower`. What lies in a gap is waited for, and then done without."""

    def __init__(
        self,
        stream: Stream[Row],
        db: Database,
        clock: Clock,
        asleep: Callable[[Follower[Row]], Awaitable[None]] | None = None,
        *,
        numbers: Numbers,
    ) -> None:
        super().__init__(stream, db, clock, asleep)
        self._numbers = numbers
        self._kept = KeptRows(stream.kept) if stream.kept else None
        self._stale: set[int] = set()
        """Slots of which something is known from an owner before, while the newest has not said what it keeps."""
        self._lanes: dict[int, _Lane[Row]] = {}
        self._began = 0

    @property
    def lag(self) -> int:
        """Rows that are here and wait for those before them."""
        return self._early_rows

    def _is_stuck_at(self, position: int) -> bool:
        return self.behind  # each lane has gaps of its own, and its own patience

    @property
    def behind(self) -> bool:
        return self._doubted or self._early_rows > 0 or bool(self._stale)

    async def begin(self) -> None:
        """Stand at the present: what was said before is not heard any more."""
        await self._look_for_owners()
        self.position = self._began = self._numbers.present()

    def receive(self, batch: Batch[Row]) -> None:
        lane = self._lane(batch.slot, batch.epoch)
        if lane is None or batch.up_to <= lane.end:
            return
        if batch.after > max(lane.end, self._began):
            self._keep_early(lane, batch)
            return
        self._take(lane, batch)
        while next_one := lane.early.pop(lane.end, None):
            self._early_rows -= len(next_one.rows)
            self._take(lane, next_one)

    def told(self, position: int) -> None:
        """The database knows nothing of positions."""

    async def _close_gap(self) -> None:
        waiters = list(self._waiters.items())
        if self._doubted:
            self._doubted = False
            try:
                await self._look_for_owners()
            except DatabaseUnavailable:
                log.warning("cannot see who owns what, the database is away", stream=self.stream.name)
                self.look()
        for lane in list(self._lanes.values()):
            if lane.early:
                self._go_on_after_gaps(lane)
        for slot in list(self._stale):
            self._wait_for_heir(self._lanes[slot])
        for waiter, position in waiters:
            # Another process has come so far, with rows that were lost on the way here, or in another order.
            if self.position < position <= self._numbers.present():
                self._deliver(Batch(self.stream.name, self.position, position, []))
            if not waiter.done():
                waiter.set_result(False)

    async def _look_for_owners(self) -> None:
        def epochs(tx: Transaction) -> list[tuple[int, int]]:
            return tx.all(_EPOCHS, (self.stream.name,))

        for slot, epoch in await self._db.read(epochs):
            self._lane(slot, epoch)

    def _lane(self, slot: int, epoch: int) -> _Lane[Row] | None:
        """What the slot's owner under this epoch says; `None` if it has another owner by now."""
        lane = self._lanes.get(slot)
        if lane is None or lane.epoch < epoch:
            if lane is not None:
                self._forget_early_of(lane)
            lane = self._lanes[slot] = _Lane(slot, epoch, self._clock.monotonic())
            if self._kept is not None and self._kept.has_older(slot, epoch):
                self._stale.add(slot)
                self._behind.set()
        return lane if lane.epoch == epoch else None

    def _keep_early(self, lane: _Lane[Row], batch: Batch[Row]) -> None:
        if batch.after not in lane.early and self._early_rows + len(batch.rows) <= MOST_EARLY_ROWS:
            lane.since = lane.since if lane.early else self._clock.monotonic()
            lane.early[batch.after] = batch
            self._early_rows += len(batch.rows)
        self._behind.set()

    def _go_on_after_gaps(self, lane: _Lane[Row]) -> None:
        if self._clock.monotonic() - lane.since < GAP_PATIENCE:
            self._behind.set()
            return
        early = [lane.early[after] for after in sorted(lane.early)]
        self._forget_early_of(lane)
        for batch in early:
            self._take(lane, batch)

    def _wait_for_heir(self, lane: _Lane[Row]) -> None:
        """What only the owner before knew is true no more. If that was said, it was lost on the way."""
        assert self._kept is not None, "nothing is stale where nothing is kept"
        if self._clock.monotonic() - lane.first_seen < HEIR_PATIENCE:
            self._behind.set()
            return
        self._stale.discard(lane.slot)
        self._tell([(0, row) for row in self._kept.forget_older(lane.slot, lane.epoch)])

    def _forget_early_of(self, lane: _Lane[Row]) -> None:
        self._early_rows -= sum(len(batch.rows) for batch in lane.early.values())
        lane.early.clear()

    def _take(self, lane: _Lane[Row], batch: Batch[Row]) -> None:
        lane.end = batch.up_to
        self._numbers.seen(batch.up_to)
        rows = batch.rows
        if self._kept is not None:
            rows = self._kept.news(batch)
            if batch.whole:
                self._stale.discard(lane.slot)
                rows = [*rows, *((0, row) for row in self._kept.forget_older(lane.slot, lane.epoch))]
        self._tell(rows)

    def _tell(self, rows: Sequence[tuple[int, Row]]) -> None:
        """Give rows their place in what this process tells: where they are by their numbers, or after the rest."""
        told, at = [], self.position
        for number, row in rows:
            at = max(at + 1, number)
            told.append((at, row))
        if told:
            self._deliver(Batch(self.stream.name, self.position, at, told))
