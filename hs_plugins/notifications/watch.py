"""Watch the events of rooms: evaluate each as it comes, on the spot if all that is needed is in memory.

Nobody waits for this but who wants to know: events are on their way to clients meanwhile. Where something must be read
first, the events of that room, and of no other, wait for it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from typing import Final

import structlog

from hs_core.clock import Clock
from hs_core.db import DatabaseUnavailable
from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.streams.batch import Batch
from hs_plugins.notifications.evaluation import Evaluation, NotPrepared, Outcome
from hs_plugins.rooms.api import EventRow

log = structlog.get_logger(__name__)

ROOMS_AT_ONCE: Final = 8
"""Rooms that are read at the same time."""
TRIES: Final = 5
"""How often an event is prepared before it is left out: others may need so much that memory forgets it again."""
PAUSE: Final = 1.0
"""Seconds until the next try while the database is away."""

PATIENCE: Final = 2.0
"""Seconds that a response waits for what must be read first."""

Placed = tuple[int, EventRow]
Wanted = Callable[[UserId], bool]


class Watch:
    """The events of all rooms from a position on."""

    def __init__(self, evaluation: Evaluation, clock: Clock, position: int) -> None:
        self.position = position
        """Everything up to here has been received; what has not been evaluated of it is `pending`."""
        self.pending: dict[RoomId, deque[Placed]] = {}
        self.sinks: list[Callable[[Outcome], None]] = []
        """Told of outcomes, for each room in the order of its events."""
        self.after_each: list[Callable[[], None]] = []
        """Told that `evaluated` may have moved."""
        self.everybody = False
        """Whether rules are evaluated for all members, or only for those whom one of `wanted` wants."""
        self.wanted: list[Wanted] = []
        self._evaluation = evaluation
        self._clock = clock
        self._work = asyncio.Event()
        self._busy: set[RoomId] = set()
        self._settled: list[asyncio.Future[None]] = []

    @property
    def evaluated(self) -> int:
        """Everything up to here has been evaluated."""
        return min((rows[0][0] - 1 for rows in self.pending.values()), default=self.position)

    def receive(self, batch: Batch[EventRow]) -> None:
        """The next events."""
        for placed in batch.rows:
            waiting = self.pending.get(placed[1].room_id)
            if waiting is not None:
                waiting.append(placed)
            elif not self._evaluate(placed):
                self.pending[placed[1].room_id] = deque([placed])
                self._work.set()
        self.position = batch.up_to
        self._tell()

    async def settled(self, room_ids: Collection[RoomId]) -> None:
        """Return when no event waits in any of these rooms that had been received before, or soon anyway: what there
        is to tell is worth more than its count.
        """
        waited_for = {room_id: rows[-1][0] for room_id, rows in self.pending.items() if room_id in room_ids}
        try:
            async with asyncio.timeout(PATIENCE):
                while any(self._waits(room_id, position) for room_id, position in waited_for.items()):
                    moved: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                    self._settled.append(moved)
                    await moved
        except TimeoutError:
            log.warning("responses do not wait for push rules any longer", rooms=len(waited_for))

    async def run(self) -> None:
        """Read what is needed, for as long as the process lives."""
        limit = asyncio.Semaphore(ROOMS_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            while True:
                await self._work.wait()
                self._work.clear()
                for room_id in self.pending.keys() - self._busy:
                    self._busy.add(room_id)
                    group.create_task(self._catch_up(room_id, limit))

    def _who(self) -> Wanted | None:
        """Asked about each member: one question is cheaper than a way to ask several."""
        if self.everybody:
            return None
        return self.wanted[0] if len(self.wanted) == 1 else self._is_wanted

    def _is_wanted(self, user: UserId) -> bool:
        return any(wanted(user) for wanted in self.wanted)

    def _waits(self, room_id: RoomId, position: int) -> bool:
        rows = self.pending.get(room_id)
        return rows is not None and rows[0][0] <= position

    def _evaluate(self, placed: Placed) -> bool:
        """Whether all that it takes is in memory."""
        try:
            outcome = self._evaluation.outcome(*placed, self._who())
        except NotPrepared:
            return False
        except Exception:  # whatever an event may say, those behind it must not wait for ever
            log.exception("push rules cannot be evaluated", room=placed[1].room_id, event=placed[1].event_id)
            return True
        if outcome is not None:
            for sink in self.sinks:
                sink(outcome)
        return True

    async def _catch_up(self, room_id: RoomId, limit: asyncio.Semaphore) -> None:
        async with limit:
            rows = self.pending[room_id]
            while rows:
                if not self._evaluate(rows[0]):
                    await prepared(self._evaluation, rows[0][1], self._clock, lambda: self._evaluate(rows[0]))
                rows.popleft()
                if not rows:
                    del self.pending[room_id]
                self._tell()
        self._busy.discard(room_id)
        if room_id in self.pending:
            self._work.set()

    def _tell(self) -> None:
        for told in self.after_each:
            told()
        waiting, self._settled = self._settled, []
        for moved in waiting:
            if not moved.done():
                moved.set_result(None)


async def prepared(evaluation: Evaluation, row: EventRow, clock: Clock, evaluate: Callable[[], bool]) -> None:
    """Prepare for an event until it could be evaluated; one that cannot be is left out, and the log says so."""
    for _ in range(TRIES):
        while True:
            try:
                await evaluation.prepare(row)
                break
            except DatabaseUnavailable:
                log.warning("push rules wait for the database", room=row.room_id)
                await clock.sleep(PAUSE)
            except Exception:
                log.exception("push rules cannot be evaluated", room=row.room_id, event=row.event_id)
                evaluation.forget(row)
                return
        if evaluate():
            return
    log.error("push rules were not evaluated", room=row.room_id, event=row.event_id)
    evaluation.forget(row)
