"""What users have not read, in the memory of a process that answers their clients.

The tables know it a moment later than the events are told. So a process reads them once, for each user who syncs, and
goes on from there by itself: it evaluates the events, and follows the receipts. Then the response that shows an event
has the count with that event, whichever process writes the tables.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeVar
from weakref import WeakValueDictionary

import structlog

from hs_core.clock import Clock
from hs_core.cluster.placement import slot_of
from hs_core.db import Database, Transaction
from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.streams.batch import Batch
from hs_core.streams.follower import Follower
from hs_plugins.notifications import store
from hs_plugins.notifications.api import NOTIFICATIONS
from hs_plugins.notifications.evaluation import Outcome
from hs_plugins.notifications.store import Count, Progress, Thread
from hs_plugins.notifications.unread import Changes, Entry, RoomUnread, Tally
from hs_plugins.notifications.watch import Watch
from hs_plugins.receipts.api import ReceiptRow, ReceiptsRead

T = TypeVar("T")

log = structlog.get_logger(__name__)

MAX_USERS: Final = 50_000
TRIES: Final = 40
"""How often the tables are looked at for what had happened before."""
PAUSE: Final = 0.05
"""Seconds between two looks."""
TOO_LATE: Final = 30.0
"""Seconds until the tables of a user are read again, if nobody brings them up to date."""


class _Happened(NamedTuple):
    """A change that came while a user's counts were read."""

    position: int | None
    """Of an event; `None` for receipts."""
    apply: Callable[[], None]


@dataclass(slots=True)
class UserCounts:
    """One user."""

    rooms: dict[RoomId, RoomUnread]
    by_event: Changes
    by_receipt: Changes
    loading: list[_Happened] | None = field(default_factory=list)
    """What has happened since somebody began to read the tables; `None` while nobody does."""
    known: bool = False
    until: float | None = None
    """When to read again, because the tables were not up to date."""

    def room(self, room_id: RoomId) -> RoomUnread:
        """A room of which there is something to say."""
        room = self.rooms.get(room_id)
        if room is None:
            room = self.rooms[room_id] = RoomUnread(0)
        return room

    def read(self, room_id: RoomId, thread_id: str | None, position: int) -> None:
        if not self.room(room_id).read(thread_id, position):
            self.known = False

    def remove(self, room_id: RoomId, position: int) -> None:
        if not self.room(room_id).remove(position):
            self.known = False


class Counts:
    """The users whose clients sync."""

    def __init__(
        self, db: Database, receipts: ReceiptsRead, watch: Watch, follower: Follower[ReceiptRow], clock: Clock
    ) -> None:
        self._db = db
        self._receipts = receipts
        self._watch = watch
        self._follower = follower
        self._clock = clock
        self._users: OrderedDict[UserId, UserCounts] = OrderedDict()
        self._in_room: dict[RoomId, set[UserId]] = {}
        self._locks: WeakValueDictionary[UserId, asyncio.Lock] = WeakValueDictionary()
        self.wait: Callable[[UserId], Awaitable[None]] = lambda user_id: clock.sleep(PAUSE)
        """Waits for whoever brings a user's tables up to date, and hurries them if they are in this process."""

    def __contains__(self, user_id: UserId) -> bool:
        return user_id in self._users

    def happened(self, outcome: Outcome) -> None:
        """An event, evaluated."""
        users, position, room_id = self._users, outcome.position, outcome.room_id
        for notified in outcome.notified:
            entry = Entry(position, outcome.thread_id, notified.actions.highlight)
            for user_id in notified.users:
                counts = users.get(user_id)
                if counts is not None:
                    self._notified(user_id, counts, room_id, entry)
        for user_id, thread_id in outcome.reads:
            counts = users.get(user_id)
            if counts is not None and (counts.loading is not None or room_id in counts.rooms):
                self._change(counts, position, _reading(counts, room_id, thread_id, position))
                counts.by_event.note(room_id, position)
        if outcome.removes is not None:
            self._removed(outcome)

    def receive(self, batch: Batch[ReceiptRow]) -> None:
        """The next receipts."""
        for position, row in batch.rows:
            counts = self._users.get(row.user_id)
            if counts is None:
                continue
            counts.by_receipt.note(row.room_id, position)
            ahead = row.event_position > self._watch.evaluated
            if counts.loading is not None or ahead or row.room_id in counts.rooms:
                self._change(counts, None, _reading(counts, row.room_id, row.thread_id, row.event_position))

    async def of(self, user_id: UserId) -> UserCounts:
        """The user's counts, as of all that has been evaluated here."""
        counts = self._users.get(user_id)
        if counts is None or not counts.known or (counts.until is not None and self._is_over(counts.until)):
            counts = await self._load(user_id)
        self._users.move_to_end(user_id)
        return counts

    async def up_to_date(
        self, user_id: UserId, read: Callable[[Transaction], T], *, receipts: bool = False
    ) -> tuple[int, T]:
        """What `read` finds in the tables, once they have come to where this process is, and where they are.

        With `receipts` they are to have heard of those, too. If they do not come so far, because nobody writes them,
        that is what they have.
        """
        slot = slot_of(user_id, NOTIFICATIONS.slots)
        wanted = Progress(self._watch.position, self._follower.position if receipts else 0)

        def work(tx: Transaction) -> tuple[Progress, T]:
            return store.progress(tx, [slot]).get(slot, Progress(0, 0)), read(tx)

        await self._watch.settled(self._watch.pending)
        for _ in range(TRIES):
            reached, found = await self._db.read(work)
            if reached.events >= wanted.events and reached.receipts >= wanted.receipts:
                break
            await self.wait(user_id)
        return reached.events, found

    def _notified(self, user_id: UserId, counts: UserCounts, room_id: RoomId, entry: Entry) -> None:
        if counts.loading is not None:
            counts.loading.append(_Happened(entry.position, lambda: counts.room(room_id).add(entry)))
            self._in_room.setdefault(room_id, set()).add(user_id)
        else:
            room = counts.rooms.get(room_id)
            if room is None:
                room = counts.rooms[room_id] = RoomUnread(0)
                self._in_room.setdefault(room_id, set()).add(user_id)
            room.add(entry)
        counts.by_event.note(room_id, entry.position)

    def _removed(self, outcome: Outcome) -> None:
        room_id, removed = outcome.room_id, outcome.removes or 0
        for user_id in self._in_room.get(room_id, ()):
            counts = self._users.get(user_id)
            if counts is not None:
                self._change(counts, outcome.position, _removing(counts, room_id, removed))
                counts.by_event.note(room_id, outcome.position)

    def _change(self, counts: UserCounts, position: int | None, apply: Callable[[], None]) -> None:
        if counts.loading is None:
            apply()
        else:
            counts.loading.append(_Happened(position, apply))

    def _is_over(self, time: float) -> bool:
        return self._clock.monotonic() >= time

    async def _load(self, user_id: UserId) -> UserCounts:
        """Once for all devices that ask at the same time."""
        lock = self._locks.setdefault(user_id, asyncio.Lock())
        async with lock:
            counts = self._users.get(user_id)
            if counts is None:
                self._forget_oldest()
                since = Changes(self._watch.position), Changes(self._follower.position)
                counts = self._users[user_id] = UserCounts({}, *since)
            while not counts.known or (counts.until is not None and self._is_over(counts.until)):
                counts.loading = []
                await self._read(user_id, counts)
            return counts

    async def _read(self, user_id: UserId, counts: UserCounts) -> None:
        wanted = self._watch.position
        reached, found = await self.up_to_date(user_id, lambda tx: store.counts_of(tx, user_id))
        stored = await self._unread(user_id, found, reached)
        counts.rooms = {}
        for thread, count in stored.items():
            room = counts.rooms.setdefault(thread.room_id, RoomUnread(reached))
            room.tallies[thread.thread_id] = Tally(count.notifications, count.highlights, count.last)
            self._in_room.setdefault(thread.room_id, set()).add(user_id)
        happened, counts.loading, counts.known, counts.until = counts.loading or [], None, True, None
        for position, apply in happened:
            if position is None or position > reached:
                apply()
        if reached < wanted:
            log.warning("counts of notifications are not up to date", reached=reached, wanted=wanted)
            counts.until = self._clock.monotonic() + TOO_LATE

    async def _unread(self, user_id: UserId, stored: dict[Thread, Count], reached: int) -> dict[Thread, Count]:
        """What is left of it by the user's receipts, which the tables may not have heard of."""
        if not stored:
            return stored
        receipts = await self._receipts.of_user(user_id, {thread.room_id for thread in stored})
        left: dict[Thread, Count] = {}
        partly: dict[Thread, int] = {}
        for thread, count in stored.items():
            read = max(
                (row.event_position for row in receipts.get(thread.room_id, ()) if covers(row, thread)), default=0
            )
            if read < count.first:
                left[thread] = count
            elif read < count.last:
                partly[thread] = read
        if partly:
            recounted = await self._db.read(
                lambda tx: {thread: store.recount(tx, thread, read, reached) for thread, read in partly.items()}
            )
            left |= {thread: count for thread, count in recounted.items() if count.notifications}
        return left

    def _forget_oldest(self) -> None:
        while len(self._users) >= MAX_USERS:
            user_id, counts = next(iter(self._users.items()))
            if counts.loading is not None:
                self._users.move_to_end(user_id)
                return
            del self._users[user_id]
            for room_id in counts.rooms:
                self._in_room.get(room_id, set()).discard(user_id)


def covers(row: ReceiptRow, thread: Thread) -> bool:
    """Whether a receipt says something of a thread."""
    return row.thread_id is None or row.thread_id == thread.thread_id


def _reading(counts: UserCounts, room_id: RoomId, thread_id: str | None, position: int) -> Callable[[], None]:
    return lambda: counts.read(room_id, thread_id, position)


def _removing(counts: UserCounts, room_id: RoomId, position: int) -> Callable[[], None]:
    return lambda: counts.remove(room_id, position)
