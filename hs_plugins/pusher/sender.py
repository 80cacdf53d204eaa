"""Tell push gateways what users are to be notified of: in order, each thing once, whatever dies.

How far each pusher has been told is in the database, and written after each answer of a gateway. Who takes over a user
goes on from there, so what can happen at worst is that a gateway is told once more what it was answering just then; it
knows that by the event's ID. What is to be told is read from the tables of `notifications`; their stream says when.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

import structlog

from hs_core.clock import Clock
from hs_core.cluster.leases import NotOwner
from hs_core.db import Database, DatabaseUnavailable
from hs_core.matrix.identifiers import UserId
from hs_core.streams.batch import Batch
from hs_core.streams.groups import Groups
from hs_core.streams.writer import Writer
from hs_core.waiting import happens
from hs_plugins.notifications.api import NotificationRow, NotificationsRead, Since
from hs_plugins.pusher import store
from hs_plugins.pusher.lanes import Lanes
from hs_plugins.pusher.rows import PushersRow
from hs_plugins.pusher.settings import destination_of
from hs_plugins.pusher.telling import Teller
from hs_plugins.pusher.values import Progress, Pusher

log = structlog.get_logger(__name__)

LOOK: Final = 1.0
"""Seconds after which one looks whether slots have come or gone, and who has been left alone for long enough."""
AT_ONCE: Final = 200
"""Pushers that are being told something."""
PER_GATEWAY: Final = 16
LOADED_AT_ONCE: Final = 500
SAVED_AT_ONCE: Final = 200
AFTER_AN_ACCIDENT_MS: Final = 60_000
DRAIN_SECONDS: Final = 4.0


@dataclass(slots=True)
class Known:
    """A pusher of a user whose slot this process holds."""

    pusher_id: int
    user_id: UserId
    gateway: str
    retry_ts: int
    """Until when to leave it alone; 0 if it is well."""


class Saving(NamedTuple):
    """How far a pusher has been told, by who held the slot of its user under this epoch."""

    pusher_id: int
    slot: int
    epoch: int
    progress: Progress


class Sender:
    """Tells the gateways of the users whose slots this process holds."""

    def __init__(
        self, writer: Writer[PushersRow], db: Database, notifications: NotificationsRead, teller: Teller, clock: Clock
    ) -> None:
        self._writer = writer
        self._db = db
        self._notifications = notifications
        self._teller = teller
        self._clock = clock
        self._slots: dict[int, int] = {}
        """Those whose pushers are known, under the epochs at which they were read."""
        self._known: dict[int, Known] = {}
        self._users: dict[UserId, set[int]] = {}
        self._changed: set[UserId] = set()
        self._lanes: Lanes[int] = Lanes(AT_ONCE, PER_GATEWAY)
        self._resting: list[tuple[int, int]] = []
        """A heap: when which pusher is to be tried again, unless that has changed."""
        self._turns: dict[int, asyncio.Task[None]] = {}
        self._group = asyncio.TaskGroup()
        self._saving: Groups[Saving, bool] = Groups(self._save, SAVED_AT_ONCE)
        self._news = asyncio.Event()
        self._stopping = False

    def notified(self, batch: Batch[NotificationRow]) -> None:
        """Users are to be notified, or have read."""
        users = self._users
        for _, row in batch.rows:
            about = [*(told.users for event in row.events for told in event.told), row.read]
            for user in {user for each in about for user in each if user in users}:
                for pusher_id in users[user]:
                    self._queue(self._known[pusher_id])
        self._begin()

    def changed(self, batch: Batch[PushersRow]) -> None:
        """Users have set or removed pushers."""
        held = self._writer.held
        self._changed.update(row.user_id for _, row in batch.rows if store.user_slot(row.user_id) in held)
        self._news.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Tell what there is to tell, for as long as the context lasts; what has begun then is ended."""
        self._writer.on_take(self._news.set)
        self._writer.on_release(self._drain)
        async with self._group as group:
            saving = group.create_task(self._saving.run(), name="save how far pushers have been told")
            looking = group.create_task(self._run(), name="tell push gateways")
            try:
                yield
            finally:
                self._stopping = True
                looking.cancel()
                if self._turns:
                    await asyncio.wait(self._turns.values(), timeout=DRAIN_SECONDS)
                for turn in self._turns.values():
                    turn.cancel()
                saving.cancel()

    async def _run(self) -> None:
        while True:
            self._news.clear()
            try:
                await self._align()
            except DatabaseUnavailable:
                log.warning("pushers wait for the database")
                await self._clock.sleep(LOOK)
            self._wake_rested()
            self._begin()
            await happens(self._news, LOOK)

    # Which pushers there are.

    async def _align(self) -> None:
        """Know the pushers of the users whose slots are held, and no others. Raises DatabaseUnavailable."""
        held = dict(self._writer.held)
        lost = {slot for slot, epoch in self._slots.items() if held.get(slot) != epoch}
        if lost:
            self._slots = {slot: epoch for slot, epoch in self._slots.items() if slot not in lost}
            for user in [user for user in self._users if store.user_slot(user) in lost]:
                self._forget_user(user)
        if new := {slot: epoch for slot, epoch in held.items() if slot not in self._slots}:
            await self._take(new)
        users, self._changed = self._changed, set()
        try:
            if users:
                await self._reload(users)
        except DatabaseUnavailable:
            self._changed |= users
            raise

    async def _take(self, new: Mapping[int, int]) -> None:
        """Go on from where others have left these slots."""
        self._slots |= new  # so that who is notified from now on, and known already, has a turn
        after = 0
        load = partial(store.of_slots, slots=list(new), limit=LOADED_AT_ONCE)
        try:
            while found := await self._db.read(partial(load, after=after)):
                after = found[-1].pusher_id
                for pusher in found:
                    self._remember(pusher)
                for pusher in await self._worth_a_turn(found):
                    self._queue_if_known(pusher.pusher_id)
        except DatabaseUnavailable:
            self._slots = {slot: epoch for slot, epoch in self._slots.items() if slot not in new}
            raise

    async def _worth_a_turn(self, pushers: Sequence[Pusher]) -> list[Pusher]:
        """Those that are to be told something, as far as the tables know."""
        since: dict[UserId, Since] = {}
        for pusher in pushers:
            place = pusher.progress.place
            since[pusher.user_id] = min(place, since.get(pusher.user_id, place))
        users = await self._notifications.with_news(since)
        badges = await self._notifications.badges(since)
        return [
            pusher
            for pusher in pushers
            if pusher.user_id in users or pusher.progress.badge != badges.get(pusher.user_id, 0)
        ]

    async def _reload(self, users: Collection[UserId]) -> None:
        found = await self._db.read(partial(store.of_users, users=users))
        for user in users:
            self._forget_user(user)
        for pusher in found:
            if store.user_slot(pusher.user_id) in self._slots:
                self._queue(self._remember(pusher))

    def _remember(self, pusher: Pusher) -> Known:
        known = Known(pusher.pusher_id, pusher.user_id, destination_of(pusher.data), 0)
        self._known[pusher.pusher_id] = known
        self._users.setdefault(pusher.user_id, set()).add(pusher.pusher_id)
        self._rest(pusher.pusher_id, pusher.progress.retry_ts)
        return known

    def _forget_user(self, user: UserId) -> None:
        for pusher_id in list(self._users.get(user, ())):
            self._forget(pusher_id)

    def _forget(self, pusher_id: int) -> None:
        known = self._known.pop(pusher_id, None)
        if known is not None:
            self._lanes.forget(pusher_id)
            others = self._users[known.user_id]
            others.discard(pusher_id)
            if not others:
                del self._users[known.user_id]

    # Whose turn it is.

    def _queue(self, known: Known) -> None:
        """There may be something to tell. Who is left alone for now is told later."""
        if not known.retry_ts:
            self._lanes.add(known.gateway, known.pusher_id)

    def _queue_if_known(self, pusher_id: int) -> None:
        known = self._known.get(pusher_id)
        if known is not None:
            self._queue(known)

    def _rest(self, pusher_id: int, retry_ts: int) -> None:
        """Leave a pusher alone until then."""
        known = self._known.get(pusher_id)
        if known is not None:
            known.retry_ts = retry_ts
            if retry_ts:
                heapq.heappush(self._resting, (retry_ts, pusher_id))

    def _wake_rested(self) -> None:
        now = self._clock.now_ms()
        while self._resting and self._resting[0][0] <= now:
            self._wake(*heapq.heappop(self._resting))

    def _wake(self, retry_ts: int, pusher_id: int) -> None:
        known = self._known.get(pusher_id)
        if known is not None and known.retry_ts == retry_ts:
            known.retry_ts = 0
            self._queue(known)

    def _gateway_is_back(self, gateway: str) -> None:
        """Try all others that wait for it as well: what kept this one waiting may be over for them."""
        for retry_ts, pusher_id in self._resting:
            known = self._known.get(pusher_id)
            if known is not None and known.gateway == gateway:
                self._wake(retry_ts, pusher_id)

    def _begin(self) -> None:
        if self._stopping:
            return
        for pusher_id in self._lanes.begin():
            turn = self._turns[pusher_id] = self._group.create_task(self._turn(pusher_id), name="tell a push gateway")
            turn.add_done_callback(partial(self._over, pusher_id))

    def _over(self, pusher_id: int, _: asyncio.Task[None]) -> None:
        del self._turns[pusher_id]
        self._lanes.done(pusher_id)
        self._begin()

    async def _drain(self, slots: Collection[int]) -> None:
        """What is being told is told; nothing else begins, for the slots count as another's from now on."""
        users = {pusher_id: known.user_id for pusher_id, known in self._known.items()}
        turns = [
            turn
            for pusher_id, turn in self._turns.items()
            if pusher_id not in users or store.user_slot(users[pusher_id]) in slots
        ]
        if turns:
            await asyncio.wait(turns)

    # A turn.

    async def _turn(self, pusher_id: int) -> None:
        try:
            await self._tell(pusher_id)
        except NotOwner:
            self._forget(pusher_id)  # whoever owns the user now goes on
            self._news.set()
        except DatabaseUnavailable:
            self._rest(pusher_id, self._clock.now_ms() + round(LOOK * 1000))
        except Exception:
            # One pusher that cannot be served, for a reason that nobody foresaw, does not end all others.
            log.exception("a pusher cannot be told, it is tried again later", pusher=pusher_id)
            self._rest(pusher_id, self._clock.now_ms() + AFTER_AN_ACCIDENT_MS)

    async def _tell(self, pusher_id: int) -> None:
        known = self._known.get(pusher_id)
        if known is None:
            return
        slot = store.user_slot(known.user_id)
        epoch = self._slots.get(slot)
        pusher = await self._db.read(partial(store.one, pusher_id=pusher_id))
        if pusher is None:
            self._forget(pusher_id)
        if pusher is None or epoch is None:
            return
        progress = await self._teller.tell(pusher, _Hold(self, pusher, slot, epoch))
        if progress is None:
            self._forget(pusher_id)
        elif progress.retry_ts:
            self._rest(pusher_id, progress.retry_ts)
        elif pusher.progress.failures:
            self._gateway_is_back(known.gateway)

    # What a turn writes down.

    def owns(self, user: UserId) -> bool:
        """Whether something may be told to the user's gateways here, now."""
        return self._writer.owns(user) and not self._stopping

    async def save(self, saving: Saving) -> bool:
        """Whether there is such a pusher still. Raises NotOwner, DatabaseUnavailable."""
        return await self._saving.add(saving)

    async def _save(self, group: Sequence[Saving]) -> Sequence[bool]:
        epochs = {each.slot: each.epoch for each in group}
        if any(epochs[each.slot] != each.epoch for each in group):  # one of them is of an earlier time
            raise NotOwner(self._writer.stream.name, set(epochs))
        progress = [(each.pusher_id, each.progress) for each in group]
        there = await self._writer.write_held(epochs, lambda tx, _: store.save(tx, progress))
        return [each.pusher_id in there for each in group]

    async def remove(self, pusher: Pusher, epochs: Mapping[int, int]) -> None:
        """Its gateway does not want to hear of it any more. Raises NotOwner, DatabaseUnavailable."""
        await self._writer.write_held(epochs, lambda tx, _: store.remove_one(tx, pusher.pusher_id))
        log.info("a pusher is removed, its gateway rejects it", user=pusher.user_id, app_id=pusher.settings.app_id)


@dataclass(frozen=True)
class _Hold:
    """The hold of a slot under one epoch."""

    sender: Sender
    pusher: Pusher
    slot: int
    epoch: int

    def goes_on(self) -> bool:
        return self.sender.owns(self.pusher.user_id)

    async def save(self, progress: Progress) -> bool:
        return await self.sender.save(Saving(self.pusher.pusher_id, self.slot, self.epoch, progress))

    async def remove(self) -> None:
        await self.sender.remove(self.pusher, {self.slot: self.epoch})
