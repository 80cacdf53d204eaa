"""Keep presence, where the users' slots of the stream `presence` are owned."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from msgspec.structs import replace

from hs_core.clock import Clock
from hs_core.cluster.leases import NotOwner
from hs_core.db import Database
from hs_core.matrix.identifiers import DeviceId, RoomId, UserId
from hs_core.streams.announcer import Announcer
from hs_core.streams.batch import Batch
from hs_plugins.presence import store
from hs_plugins.presence.rows import OFFLINE, PresenceRow, State
from hs_plugins.presence.sharing import RoomsOfUsers
from hs_plugins.presence.unsaved import Unsaved
from hs_plugins.presence.user import EARLIER, UserPresence
from hs_plugins.rooms.api import EventRow

GRACE_MS: Final = 60 * 1000
"""How long a client that says nothing counts as connected: after it has set its state, or after a restart."""
ELSEWHERE_MS: Final = 30 * 60 * 1000
"""How long the word of another server is good."""
AT_ONCE_MS: Final = 200
"""A change is told at once if nobody was told of anything for so long; else it waits for the next turn."""
MAX_USERS: Final = 100_000
"""Who comes when so many are not offline is not shown."""
MAX_TOLD: Final = 500
"""Users whom one turn tells about."""
READ_AT_ONCE: Final = 10_000
"""Users who are read from the table in one unit of work."""


@dataclass
class Presences:
    """Implements the service `PRESENCE`: changes are collected here, and told by `turn`."""

    enabled: bool
    clock: Clock
    db: Database
    announcer: Announcer[PresenceRow]
    rooms: RoomsOfUsers
    unsaved: Unsaved
    busy: bool = False
    """Whether the process has better things to do."""
    _held: dict[int, int] = field(default_factory=dict)
    """The slots whose users are kept here, with their epochs."""
    _taking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _users: dict[UserId, UserPresence] = field(default_factory=dict)
    """Those of these slots who are not offline, and those of whom that is still to be told."""
    _told: dict[UserId, PresenceRow] = field(default_factory=dict)
    """What everybody has been told last, of those who are not offline and of those whom other processes keep as well,
    as far as this one has heard it: they may come here.
    """
    _news: dict[UserId, None] = field(default_factory=dict)
    """Those of whom there is something to tell, the longest waiting first."""
    _moved: dict[UserId, set[RoomId]] = field(default_factory=dict)
    """Of those who came to rooms or left some: the rooms that they came to."""
    _due: list[tuple[int, UserId]] = field(default_factory=list)
    """A heap of when to look at whom; only entries that are `_scheduled` count."""
    _scheduled: dict[UserId, int] = field(default_factory=dict)
    _told_at: int = 0
    _stirred: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there is something for a turn to do that was not foreseen."""

    # The service

    async def heard(self, user_id: UserId, device_id: DeviceId | None, state: State, for_ms: int) -> None:
        if (user := await self._user(user_id)) is not None:
            now = self.clock.now_ms()
            user.heard(device_id, state, now, now + for_ms)
            self._look(user, now)
            # Who comes online sees that in the sync by which they do, and is not woken for it by the next turn.
            await self._tell_at_once(user_id, urgent=user_id not in self._told)

    async def says(self, user_id: UserId, device_id: DeviceId | None, state: State, status_msg: str | None) -> None:
        if (user := await self._user(user_id)) is not None:
            now = self.clock.now_ms()
            user.says(device_id, state, status_msg, now, now + GRACE_MS)
            self._look(user, now)
            await self._tell_at_once(user_id, urgent=user_id not in self._told)

    async def gone(self, user_id: UserId, device_id: DeviceId) -> None:
        await self._keep_up()
        user = self._users.get(user_id)
        if user is not None and user.devices.pop(device_id, None) is not None:
            self._look(user, self.clock.now_ms())

    async def forget(self, user_id: UserId) -> None:
        await self._keep_up()
        user = self._users.get(user_id)
        if user is not None:
            user.devices.clear()
            user.status_msg = None
            self._look(user, self.clock.now_ms())
        await self.unsaved.forget(user_id)

    async def received(self, user_id: UserId, row: PresenceRow) -> None:
        if (user := await self._user(user_id)) is not None:
            now = self.clock.now_ms()
            user.devices.clear()
            user.says(None, row.presence, row.status_msg, now, now + ELSEWHERE_MS)
            user.last_active, user.elsewhere = row.last_active, row.currently_active
            self._look(user, now)

    async def of(self, user_id: UserId) -> PresenceRow | None:
        if not self.enabled:
            return None
        await self._keep_up()
        user = self._users.get(user_id)
        if user is not None:
            return user.at(self.clock.now_ms())
        stored = await self._stored(user_id)
        return None if stored is None else PresenceRow(user_id, OFFLINE, stored.status_msg, stored.last_active, False)

    # What happens elsewhere

    def happened(self, batch: Batch[EventRow]) -> None:
        """Room events: who sends one is active, and who moves is to be shown to others."""
        for _, row in batch.rows:
            if row.membership is not None and row.state_key is not None:
                self._moves(UserId(row.state_key), row)
            if row.device_id is not None and (user := self._users.get(row.sender)) is not None:
                now = self.clock.now_ms()
                user.acts(row.device_id, now)
                self._look(user, now)

    def hear(self, batch: Batch[PresenceRow]) -> None:
        """What everybody is told: by this process, of users who may come to it, and by owners of before."""
        for _, row in batch.rows:
            told = self._told.get(row.user_id)
            if row.presence == OFFLINE if told is None else not _differ(row, told):
                continue
            if row.presence == OFFLINE:
                self._told.pop(row.user_id)
            elif told is not None or len(self._told) < MAX_USERS:
                self._told[row.user_id] = replace(row, rooms=(), moved=None)
            if (user := self._users.get(row.user_id)) is not None:
                self._look(user, self.clock.now_ms())  # this process knows better, and says so

    # Turns

    async def turn(self) -> None:
        """See whose time is up, and tell what there is to tell, of a bounded number of users."""
        await self._keep_up()
        if not self._held:
            return
        now = self.clock.now_ms()
        while self._due and self._due[0][0] <= now:
            due, user_id = heapq.heappop(self._due)
            if self._scheduled.get(user_id) == due:
                del self._scheduled[user_id]
                if (user := self._users.get(user_id)) is not None:
                    self._look(user, now)
        await self._tell(list(self._news | self._moved)[:MAX_TOLD])

    async def rest(self, longest: float) -> None:
        """Return when there is something for a turn to do, or after so many seconds."""
        now = self.clock.now_ms()
        due = (self._due[0][0] - now) / 1000 if self._due else longest
        if self._news or self._moved or due <= 0:
            return
        self._stirred.clear()
        waiting = [
            asyncio.ensure_future(self.clock.sleep(min(due, longest))),
            asyncio.ensure_future(self._stirred.wait()),
        ]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()

    async def tell_of(self, slots: Collection[int]) -> None:
        """Tell all that there is to tell of the users of slots."""
        await self._tell([user_id for user_id in self._news | self._moved if self.announcer.slot(user_id) in slots])

    # Inside

    async def _tell_at_once(self, user_id: UserId, *, urgent: bool) -> None:
        """Without waiting for the next turn, if that is not done too often."""
        is_due = urgent or self.clock.now_ms() - self._told_at >= AT_ONCE_MS
        if is_due and not self.busy and user_id in self._news:
            await self._tell([user_id])

    async def _tell(self, user_ids: Collection[UserId]) -> None:
        found = [(user_id, await self.rooms.of(user_id)) for user_id in user_ids]
        ready = [(user_id, rooms) for user_id, rooms in found if self._is_held(user_id)]
        rows = [self._row(self._users[user_id], rooms) for user_id, rooms in ready if user_id in self._users]
        for user_id, _ in ready:
            self._news.pop(user_id, None)
            self._moved.pop(user_id, None)
        if rows:
            self._told_at = self.clock.now_ms()
            self.announcer.announce((row.user_id, row) for row in rows)

    def _moves(self, user_id: UserId, row: EventRow) -> None:
        """A member event of this user."""
        if b'"membership":"join"' in (row.prev_content or b"") and row.membership == "join":
            return  # another name or avatar
        self.rooms.moved(user_id)
        if user_id in self._users:
            came_to = self._moved.setdefault(user_id, set())
            self._stirred.set()
            (came_to.add if row.membership == "join" else came_to.discard)(row.room_id)

    def _row(self, user: UserPresence, rooms: tuple[RoomId, ...]) -> PresenceRow:
        user_id, before = user.user_id, self._told.get(user.user_id)
        moved = None if user_id in self._news else tuple(self._moved.get(user_id, ()))
        row = replace(user.at(self.clock.now_ms()), rooms=rooms, moved=moved)
        if before is None or _says_more(row, before):
            self.unsaved.note(row, self._held[self.announcer.slot(user_id)])
        if row.presence == OFFLINE:
            self._users.pop(user_id)
            self._told.pop(user_id, None)
        else:
            self._told[user_id] = row
        return row

    def _look(self, user: UserPresence, now: int) -> None:
        """Note what is to be told of a user now, and when to look again."""
        user.forget_gone(now)
        seen, told = user.at(now), self._told.get(user.user_id)
        if told is None or _differ(seen, told):
            self._news[user.user_id] = None
            self._stirred.set()
        due, scheduled = user.next_change(now), self._scheduled.get(user.user_id)
        if due is not None and (scheduled is None or due < scheduled):
            self._scheduled[user.user_id] = due
            heapq.heappush(self._due, (due, user.user_id))
            self._stirred.set()

    async def _user(self, user_id: UserId) -> UserPresence | None:
        """Somebody of whom there is news; `None` if that is not to be kept."""
        self.announcer.check_owner(user_id)
        await self._keep_up()  # not only with the next turn: what is heard before it could not be told at once
        known = self._users.get(user_id)
        if known is not None or not self.enabled or len(self._users) >= MAX_USERS:
            return known
        stored = await self._stored(user_id)
        fresh = UserPresence(user_id)
        if stored is not None:
            fresh.status_msg, fresh.last_active = stored.status_msg, stored.last_active
        if not self._is_held(user_id):
            raise NotOwner(self.announcer.stream.name, {self.announcer.slot(user_id)})
        return self._users.setdefault(user_id, fresh)

    async def _stored(self, user_id: UserId) -> PresenceRow | None:
        """What is in the table of a user, or will be."""
        unsaved = self.unsaved.of(user_id, self._held.get(self.announcer.slot(user_id)))
        return unsaved or await self.db.read(lambda tx: store.load(tx, user_id))

    def _is_held(self, user_id: UserId) -> bool:
        """Whether the user is kept here, and nobody has taken them over as far as is known."""
        slot = self.announcer.slot(user_id)
        epoch = self._held.get(slot)
        return epoch is not None and self.announcer.held.get(slot) == epoch

    async def _keep_up(self) -> None:
        """Let go of whom others keep by now, and take on those who were online under the owner before.

        Who does not come back is offline before long.
        """
        if not self.enabled or self._held == self.announcer.held:
            return
        async with self._taking:
            held = dict(self.announcer.held)
            changed = {slot for slot, _ in held.items() ^ self._held.items()}
            self._let_go(changed)
            if taken := {slot: epoch for slot, epoch in held.items() if slot in changed}:
                online = await self._online_in(taken)
                self._held |= taken
                for row in online:
                    self._take_on(row)

    def _let_go(self, slots: Collection[int]) -> None:
        for slot in slots:
            self._held.pop(slot, None)
        for user_id in [user_id for user_id in self._users if self.announcer.slot(user_id) in slots]:
            del self._users[user_id]
            self._news.pop(user_id, None)
            self._moved.pop(user_id, None)

    async def _online_in(self, slots: Mapping[int, int]) -> Collection[PresenceRow]:
        """Those of whom others know that they are not offline, by the table or by what was told later.

        The latter is to be written as well, under the slots' epochs: whoever told it may not have come to that.
        """
        found: dict[UserId, PresenceRow] = {}
        slot, after = self.announcer.slot, ""
        while len(found) < MAX_USERS:
            rows = await self.db.read(partial(store.load_not_offline, after=after, limit=READ_AT_ONCE))
            found |= {row.user_id: row for row in rows if slot(row.user_id) in slots}
            if len(rows) < READ_AT_ONCE:
                break
            after = rows[-1].user_id
        for user_id, row in self._told.items():
            stored = found.get(user_id)
            if slot(user_id) in slots and (stored is None or row.last_active >= stored.last_active):
                found[user_id] = row
                if stored is None or _says_more(row, stored):
                    self.unsaved.note(row, slots[slot(user_id)])
        return found.values()

    def _take_on(self, row: PresenceRow) -> None:
        now = self.clock.now_ms()
        user = self._users.setdefault(row.user_id, UserPresence(row.user_id, row.status_msg, row.last_active))
        if not user.devices:
            user.heard(EARLIER, row.presence, now, now + GRACE_MS)
            user.last_active = row.last_active
            self._look(user, now)


def _says_more(row: PresenceRow, saved: PresenceRow) -> bool:
    """Whether there is something to write."""
    return (row.presence, row.status_msg) != (saved.presence, saved.status_msg)


def _differ(one: PresenceRow, other: PresenceRow) -> bool:
    """Whether others would see a difference: "the server will not send further updates to the last active time"."""
    return (one.presence, one.status_msg, one.currently_active) != (
        other.presence,
        other.status_msg,
        other.currently_active,
    )
