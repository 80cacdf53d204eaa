"""What is known in memory of each user whose clients sync: which rooms they are in, and whether there is news."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakValueDictionary

from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.streams.follower import Follower
from hs_core.streams.token import EVENTS_KEY
from hs_plugins.rooms.api import EventRow, Members, Membership

MAX_ROOMS: Final = 500_000
"""Memberships in memory, of all users together."""
IDLE_SECONDS: Final = 1800.0
"""After so long without a request a user is forgotten."""
FORGOTTEN_AT_ONCE: Final = 10


@dataclass(eq=False, slots=True)
class UserView:
    """One user."""

    user_id: UserId
    since: dict[str, int] = field(default_factory=dict)
    """By key of tokens: the position from which on `touched` is complete."""
    rooms: dict[RoomId, Membership] = field(default_factory=dict)
    """All rooms that the user has ever had to do with, as of what has been delivered in this process."""
    joined: set[RoomId] = field(default_factory=set)
    """Those of them that the user is in."""
    touched: dict[str, int] = field(default_factory=dict)
    """By key of tokens: the position of the last row that concerned the user."""
    waiting: list[asyncio.Future[None]] = field(default_factory=list)
    """Long polls of the user's devices."""
    loading: bool = False
    """Whether memberships are not known yet."""
    stale: bool = False
    """Whether they changed in a way that rows do not tell."""
    used: float = 0.0

    def concerned_since(self, key: str, position: int) -> bool | None:
        """Whether a row after `position` concerned the user; `None` if that is not known any more."""
        return self.touched.get(key, 0) > position if position >= self.since.get(key, 0) else None

    def touch(self, key: str, position: int) -> None:
        """A row at this position concerns the user."""
        self.touched[key] = position
        if self.waiting:
            self.wake()

    def wake(self) -> None:
        """Let the long polls look again."""
        for waiter in self.waiting:
            if not waiter.done():
                waiter.set_result(None)
        self.waiting.clear()


class Views:
    """The users who synced lately, and where they are."""

    def __init__(
        self,
        members: Members,
        follower: Follower[EventRow],
        positions: Callable[[], dict[str, int]],
        monotonic: Callable[[], float],
    ) -> None:
        self._members = members
        self._follower = follower
        self._positions = positions
        self._monotonic = monotonic
        self._views: OrderedDict[UserId, UserView] = OrderedDict()
        self._in_room: dict[RoomId, set[UserView]] = {}
        self._locks: WeakValueDictionary[UserId, asyncio.Lock] = WeakValueDictionary()
        self._rooms = 0

    def known(self, user_id: UserId) -> UserView | None:
        """The user, if they are in memory."""
        return self._views.get(user_id)

    def wake_all(self) -> None:
        """Let every long poll look again."""
        for view in self._views.values():
            view.wake()

    def in_room(self, room_id: RoomId) -> Iterable[UserView]:
        """Those of the users in memory who are joined to the room."""
        return self._in_room.get(room_id, ())

    async def of(self, user_id: UserId) -> UserView:
        """The user as of the position that this process has reached."""
        view = self._views.get(user_id)
        if view is None or view.loading or view.stale:
            view = await self._load(user_id)
        view.used = self._monotonic()
        self._views.move_to_end(user_id)
        self._forget_idle()
        return view

    def moved(self, row: EventRow, position: int) -> None:
        """A member event has become current."""
        view = self._views.get(UserId(row.state_key or ""))
        if view is None or row.membership is None:
            return
        membership = Membership(
            row.room_id, view.user_id, row.membership, row.event_id, row.sender, position, forgotten=False
        )
        self._put(view, membership)

    def resolved(self, room_id: RoomId, position: int) -> None:
        """The room's state was resolved: anybody's membership may be another one."""
        for view in self._views.values():
            if view.loading or room_id in view.rooms:
                view.stale = True
                view.touch(EVENTS_KEY, position)

    async def _load(self, user_id: UserId) -> UserView:
        """Once for all devices that ask at the same time."""
        lock = self._locks.setdefault(user_id, asyncio.Lock())
        async with lock:
            view = self._views.get(user_id)
            while view is None or view.loading or view.stale:
                view = await self._read(user_id)
            return view

    async def _read(self, user_id: UserId) -> UserView:
        """What the database says, and meanwhile the rows."""
        if (old := self._views.get(user_id)) is not None:
            self._drop(old)
        view = self._views[user_id] = UserView(user_id, loading=True, used=self._monotonic())
        try:
            stored = await self._members.of_user(user_id)
            # What has been committed already, but not been delivered here, would be told twice.
            await self._follower.reached(max((membership.position for membership in stored), default=0))
        except BaseException:
            self._drop(view)
            raise
        for membership in stored:
            newer = view.rooms.get(membership.room_id)
            if newer is None or newer.position < membership.position:
                self._put(view, membership)
        view.since, view.loading = self._positions(), False
        return view

    def _put(self, view: UserView, membership: Membership) -> None:
        if membership.room_id not in view.rooms:
            self._rooms += 1
        view.rooms[membership.room_id] = membership
        if membership.membership == "join":
            view.joined.add(membership.room_id)
            self._in_room.setdefault(membership.room_id, set()).add(view)
        else:
            view.joined.discard(membership.room_id)
            self._leave(view, membership.room_id)

    def _leave(self, view: UserView, room_id: RoomId) -> None:
        views = self._in_room.get(room_id)
        if views is not None:
            views.discard(view)
            if not views:
                del self._in_room[room_id]

    def _drop(self, view: UserView) -> None:
        if self._views.pop(view.user_id, None) is None:
            return
        for room_id in view.joined:
            self._leave(view, room_id)
        self._rooms -= len(view.rooms)

    def _forget_idle(self) -> None:
        """A few at a time, those first who asked longest ago."""
        now = self._monotonic()
        for _ in range(FORGOTTEN_AT_ONCE):
            oldest = next(iter(self._views.values()))
            if oldest.used > now - IDLE_SECONDS and self._rooms <= MAX_ROOMS:
                return
            if oldest.waiting or oldest.loading:
                self._views.move_to_end(oldest.user_id)
            else:
                self._drop(oldest)
