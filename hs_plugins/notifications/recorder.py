"""Write down what users are notified of, and what they have not read: exactly once, whatever dies.

The tables say for each slot of users how far they have come in the streams of room events and of receipts, in the same
transaction that brings them there. Who takes a slot goes on from that. What has happened in memory meanwhile is worth
nothing more than time: once a second all of it is written together, so that many events of a room, or receipts
of a user, cost as much as one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Final

import structlog

from hs_core.clock import Clock
from hs_core.cluster.leases import NotOwner
from hs_core.cluster.placement import slot_of
from hs_core.db import Database, DatabaseUnavailable, Transaction
from hs_core.matrix.identifiers import UserId
from hs_core.streams.batch import Batch
from hs_core.streams.follower import Follower
from hs_core.streams.writer import Log, Writer
from hs_core.waiting import happens
from hs_plugins.notifications import store
from hs_plugins.notifications.api import NOTIFICATIONS
from hs_plugins.notifications.evaluation import Outcome
from hs_plugins.notifications.plan import Plan
from hs_plugins.notifications.replay import Replay
from hs_plugins.notifications.rows import NotificationRow
from hs_plugins.notifications.store import Count, Progress, Thread, Written
from hs_plugins.notifications.watch import Watch
from hs_plugins.receipts.api import ReceiptRow

log = structlog.get_logger(__name__)

REST: Final = 1.0
"""Seconds between two transactions, unless somebody asks for one. What happens after a longer silence is written at
once, so this is how late a push can be while there is much to push."""
LOOK: Final = 1.0
"""Seconds after which one looks whether slots have come or gone."""
PAUSE: Final = 0.05
"""Seconds that one gives another process to write."""
EVENTS_AT_ONCE: Final = 2_000
"""Of which somebody is notified, in one transaction."""
MOST_IN_MEMORY: Final = 50_000
"""Outcomes and receipts that wait to be written; if there are more, all are read from the streams again."""


class _OutOfStep(Exception):
    """The tables are not where they were left: somebody else has had the slots meanwhile."""


@dataclass(frozen=True, slots=True)
class Held:
    """A slot: under which epoch it is held, and how far its users' tables have come."""

    epoch: int
    at: Progress


class Recorder:
    """Writes the tables for the slots that this process holds."""

    def __init__(
        self,
        writer: Writer[NotificationRow],
        db: Database,
        watch: Watch,
        receipts: Follower[ReceiptRow],
        *,
        replay: Replay,
        clock: Clock,
    ) -> None:
        self._writer = writer
        self._db = db
        self._watch = watch
        self._follower = receipts
        self._replay = replay
        self._clock = clock
        self._slots: dict[int, Held] = {}
        self._taking: frozenset[int] = frozenset()
        self._outcomes: deque[Outcome] = deque()
        self._receipts: deque[tuple[int, ReceiptRow]] = deque()
        self._news = asyncio.Event()
        self._hurried = asyncio.Event()
        self._turns: list[asyncio.Future[None]] = []
        self._news.set()

    def wants(self, user: UserId) -> bool:
        """Whether rules are to be evaluated for a user."""
        slot = _slot_of(user)
        return slot in self._slots or slot in self._taking

    def happened(self, outcome: Outcome) -> None:
        """An event, evaluated."""
        if self._slots or self._taking:
            self._outcomes.append(outcome)

    def receive(self, batch: Batch[ReceiptRow]) -> None:
        """The next receipts."""
        if self._slots or self._taking:
            self._receipts.extend(batch.rows)
        self._news.set()

    def evaluated(self) -> None:
        """There may be something to write."""
        self._news.set()

    async def hurry(self, user: UserId) -> None:
        """Return when all that has been evaluated by now has been written, or an attempt at it has failed.

        For a user of another process, only some time passes.
        """
        if _slot_of(user) not in self._writer.held:
            await self._clock.sleep(PAUSE)
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turns.append(done)
        self._news.set()
        self._hurried.set()
        await done

    async def run(self) -> None:
        """Write for as long as the plugin is active."""
        while True:
            await happens(self._news, LOOK)
            self._news.clear()
            self._hurried.clear()
            turns, self._turns = self._turns, []
            try:
                await self._write_all()
            except (_OutOfStep, NotOwner):
                self._begin_again()
            except DatabaseUnavailable:
                log.warning("notifications wait for the database")
                self._begin_again()
            for done in turns:
                if not done.done():
                    done.set_result(None)
            await happens(self._hurried, REST)

    def _begin_again(self) -> None:
        """Trust nothing but the tables."""
        self._slots.clear()
        self._taking = frozenset()
        self._outcomes.clear()
        self._receipts.clear()

    async def _write_all(self) -> None:
        if len(self._outcomes) + len(self._receipts) > MOST_IN_MEMORY:
            self._begin_again()
        held = dict(self._writer.held)
        self._slots = {slot: each for slot, each in self._slots.items() if held.get(slot) == each.epoch}
        new = {slot: epoch for slot, epoch in held.items() if slot not in self._slots}
        self._watch.everybody = len(held) == NOTIFICATIONS.slots
        if new:
            self._taking = frozenset(new)
            await self._take(new)
            self._taking = frozenset()
        if self._slots:
            await self._write_what_happened()

    async def _take(self, new: Mapping[int, int]) -> None:
        """Bring the tables of slots to where this process is, from wherever they were left."""
        found = await self._db.read(lambda tx: store.progress(tx, list(new)))
        by_progress: dict[Progress, dict[int, Held]] = {}
        for slot, at in found.items():
            by_progress.setdefault(at, {})[slot] = Held(new[slot], at)
        for at, slots in by_progress.items():
            self._slots |= await self._bring_up(slots, at)

    async def _bring_up(self, slots: dict[int, Held], at: Progress) -> dict[int, Held]:
        receipts = await self._replay.receipts(at.receipts, self._follower.position)
        # Receipts of other processes may be for events that have not come here yet.
        await self._replay.reached(max((row.event_position for _, row in receipts), default=0))
        end = self._watch.position
        evaluation, wanted = self._replay.evaluation(), partial(_in_slots, frozenset(slots))
        while at.events < end:
            up_to, outcomes = await self._replay.outcomes(evaluation, at.events, end, wanted)
            slots = await self._write(slots, outcomes, [], Progress(up_to, at.receipts))
            at = Progress(up_to, at.receipts)
        if receipts:
            slots = await self._write(slots, [], [row for _, row in receipts], Progress(end, receipts[-1][0]))
        return slots

    async def _write_what_happened(self) -> None:
        up_to = self._end(self._watch.evaluated)
        ready = {slot: held for slot, held in self._slots.items() if held.at.events <= up_to}
        outcomes = [outcome for outcome in self._outcomes if outcome.position <= up_to]
        later = deque(outcome for outcome in self._outcomes if outcome.position > up_to)
        receipts, read_up_to = self._receipts_for(up_to)
        to = Progress(up_to, read_up_to)
        if len(ready) < len(self._slots) or all(held.at == to for held in ready.values()):
            return
        self._outcomes = later
        for _ in receipts:
            self._receipts.popleft()
        self._slots |= await self._write(ready, outcomes, receipts, to)

    def _end(self, evaluated: int) -> int:
        """How far one transaction goes."""
        positions = sorted(outcome.position for outcome in self._outcomes if outcome.position <= evaluated)
        if len(positions) <= EVENTS_AT_ONCE:
            return evaluated
        self._news.set()
        self._hurried.set()
        return positions[EVENTS_AT_ONCE - 1]

    def _receipts_for(self, up_to: int) -> tuple[list[ReceiptRow], int]:
        """The receipts for events up to a position, and where they end in their stream: before the first other one."""
        found: list[ReceiptRow] = []
        for position, row in self._receipts:
            if row.event_position > up_to:
                return found, position - 1
            found.append(row)
        return found, self._follower.position

    async def _write(
        self, slots: Mapping[int, Held], outcomes: Sequence[Outcome], receipts: Sequence[ReceiptRow], to: Progress
    ) -> dict[int, Held]:
        """One transaction; the slots as it leaves them. Raises NotOwner, DatabaseUnavailable, _OutOfStep."""
        before = {slot: held.at for slot, held in slots.items()}

        def mine(user: UserId, position: int) -> bool:
            at = before.get(_slot_of(user))
            return at is not None and position > at.events

        plan = Plan(self._clock.now_ms(), mine)
        plan.happen(outcomes)
        for row in receipts:
            if _slot_of(row.user_id) in before:
                plan.read(row)
        epochs = {slot: held.epoch for slot, held in slots.items()}
        await self._writer.write_held(
            epochs, partial(_work, plan=plan, written=plan.written(), counts=plan.counts(), before=before, to=to)
        )
        return {slot: replace(held, at=to) for slot, held in slots.items()}


def _work(
    tx: Transaction,
    log: Log[NotificationRow],
    *,
    plan: Plan,
    written: Sequence[Written],
    counts: Mapping[Thread, Count],
    before: Mapping[int, Progress],
    to: Progress,
) -> None:
    if store.progress(tx, list(before)) != before:
        raise _OutOfStep
    readers = store.clear_rooms(tx, plan.cleared_rooms) | store.clear(tx, plan.cleared) | _read(tx, plan.receipts)
    if plan.removed:
        readers |= store.remove(tx, plan.removed, lambda user: _slot_of(user) in before)
    reading = _reading_rows(plan.ts, sorted(readers))
    if written or reading:
        first = log.announce_all([*(each.row for each in written), *reading])
        store.put(tx, first, written)
        store.put_read(tx, first + len(written), reading)
        store.add(tx, counts)
    store.set_progress(tx, list(before), to)


def _reading_rows(ts: int, readers: Sequence[UserId]) -> list[NotificationRow]:
    """The rows that say who has less to read."""
    starts = range(0, len(readers), store.MAX_TOLD)
    return [NotificationRow(ts, (), tuple(readers[start : start + store.MAX_TOLD])) for start in starts]


def _read(tx: Transaction, receipts: Collection[ReceiptRow]) -> set[UserId]:
    """Take from the counts what has been read; whose counts."""
    if not receipts:
        return set()
    stored = store.stretches(tx, {row.user_id for row in receipts}, {row.room_id for row in receipts})
    read: dict[Thread, int] = {}
    for row in receipts:
        for thread in stored:
            if thread[:2] == (row.user_id, row.room_id) and row.thread_id in (None, thread.thread_id):
                read[thread] = max(row.event_position, read.get(thread, 0))
    cleared, readers = [], set()
    for thread, position in read.items():
        first, last = stored[thread]
        if position >= last:
            cleared.append(thread)
        elif position >= first:
            store.set_count(tx, thread, store.recount(tx, thread, position, last))
            readers.add(thread.user_id)
    return readers | store.clear(tx, cleared)


@lru_cache(maxsize=100_000)
def _slot_of(user: UserId) -> int:
    return slot_of(user, NOTIFICATIONS.slots)


def _in_slots(slots: Collection[int], user: UserId) -> bool:
    return _slot_of(user) in slots
