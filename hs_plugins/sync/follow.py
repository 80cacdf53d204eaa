"""Follow the streams: keep what is new in memory, and wake exactly those whom it concerns."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

from hs_core.clock import Clock
from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.plugin import Section
from hs_core.streams.batch import Batch
from hs_core.streams.follower import Follower
from hs_core.streams.token import EVENTS_KEY
from hs_plugins.rooms.api import EventRow, Members
from hs_plugins.sync.recent import Recent
from hs_plugins.sync.views import UserView, Views


class Following:
    """This process's place in all streams that clients are told of."""

    def __init__(
        self,
        events: Follower[EventRow],
        sections: Mapping[str, tuple[Section[Any], Follower[Any]]],
        members: Members,
        recent: Recent,
        clock: Clock,
    ) -> None:
        self.events = events
        self.recent = recent
        self.views = Views(members, events, self.positions, clock.monotonic)
        self._peeking: dict[RoomId, set[asyncio.Future[None]]] = {}
        self._followers: dict[str, Follower[Any]] = {EVENTS_KEY: events}
        events.subscribe(self._events)
        for key, (section, follower) in sections.items():
            self._followers[key] = follower
            follower.subscribe(partial(self._section, section))

    def positions(self) -> dict[str, int]:
        """Where the streams stand in this process, by key of tokens."""
        return {key: follower.position for key, follower in self._followers.items()}

    def has_reached(self, positions: Mapping[str, int]) -> bool:
        """Whether this process is where another one was when it wrote these positions into a token."""
        followers = self._followers
        return all(key not in followers or followers[key].position >= at for key, at in positions.items())

    async def reached(self, positions: Mapping[str, int]) -> None:
        """Wait until it is."""
        for key, position in positions.items():
            follower = self._followers.get(key)
            if follower is not None and follower.position < position:
                await follower.reached(position)

    async def news(self, view: UserView, deadline: float) -> None:
        """Return when a row concerns the user, or at a time of the event loop."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        view.waiting.append(waiter)
        try:
            await _until(waiter, deadline)
        finally:
            if waiter in view.waiting:
                view.waiting.remove(waiter)

    async def peek(self, room_id: RoomId, deadline: float) -> None:
        """Return when something happens in a room that the one who waits is not in, or at a time of the event loop."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiters = self._peeking.setdefault(room_id, set())
        waiters.add(waiter)
        try:
            await _until(waiter, deadline)
        finally:
            waiters.discard(waiter)
            if not waiters:
                self._peeking.pop(room_id, None)

    def wake_all(self) -> None:
        """Let every long poll look again."""
        self.views.wake_all()
        for room_id in self._peeking:
            self._wake_peeking(room_id)

    def _wake_peeking(self, room_id: RoomId) -> None:
        for waiter in self._peeking[room_id]:
            _wake(waiter)

    def _events(self, batch: Batch[EventRow]) -> None:
        recent, views = self.recent, self.views
        touched: dict[UserView, int] = {}
        for position, row in batch.rows:
            linear = recent.add(position, row)
            if row.type == "m.room.member":
                views.moved(row, position)
                view = views.known(UserId(row.state_key or ""))
                if view is not None:
                    touched[view] = position
            if row.room_id in self._peeking:
                self._wake_peeking(row.room_id)
            for view in views.in_room(row.room_id):
                touched[view] = position
            if not linear:
                views.resolved(row.room_id, position)
        recent.reached(batch.up_to)
        for view, position in touched.items():
            view.touch(EVENTS_KEY, position)

    def _section(self, section: Section[Any], batch: Batch[Any]) -> None:
        for position, row in batch.rows:
            for concerned in section.concerns(row):
                if concerned.startswith("!"):
                    for view in self.views.in_room(RoomId(concerned)):
                        view.touch(section.key, position)
                else:
                    one = self.views.known(UserId(concerned))
                    if one is not None:
                        one.touch(section.key, position)


async def _until(waiter: asyncio.Future[None], deadline: float) -> None:
    """Wait until somebody wakes the waiter, or for a time of the event loop.

    `asyncio.timeout` costs several times as much, and every long poll waits here.
    """
    timer = waiter.get_loop().call_at(deadline, _wake, waiter)
    try:
        await waiter
    finally:
        timer.cancel()


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
