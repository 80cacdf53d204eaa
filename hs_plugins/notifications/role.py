"""What runs where the plugin is active: it keeps the tables, and answers `GET /notifications`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final, cast

from hs_core.clock import Clock
from hs_core.core import Core
from hs_core.db import Database
from hs_core.matrix.identifiers import UserId
from hs_core.plugin.hooks import Hooks
from hs_core.plugin.hookspecs import ignored_users
from hs_plugins.notifications import store
from hs_plugins.notifications.api import NOTIFICATIONS, NOTIFICATIONS_READ
from hs_plugins.notifications.config import NotificationsConfig
from hs_plugins.notifications.counts import Counts
from hs_plugins.notifications.reading import StoredNotifications, evaluation
from hs_plugins.notifications.recorder import Recorder
from hs_plugins.notifications.replay import Replay
from hs_plugins.notifications.store import Listed
from hs_plugins.receipts.api import RECEIPT_CHANGES
from hs_plugins.rooms.api import EVENTS, ROOMS_READ, Reader, RoomsRead

FORGET_AT_ONCE: Final = 200
"""Events: each may have notified everybody."""


@dataclass(frozen=True)
class NotificationsRole:
    """What the handlers and tasks are given."""

    config: NotificationsConfig
    clock: Clock
    db: Database
    rooms: RoomsRead
    hooks: Hooks
    counts: Counts

    async def page(self, user_id: UserId, before: int, limit: int, *, highlights: bool) -> list[Listed]:
        """What a user was notified of, the latest first: with everything that has happened by now."""
        look = partial(store.page, user=user_id, before=before, limit=limit, highlights=highlights)
        _, found = await self.counts.up_to_date(user_id, look, receipts=True)
        return found

    async def reader(self, user_id: UserId) -> Reader:
        """Whom the events are shown to."""
        ignored = await self.hooks.first(ignored_users, user_id)
        return Reader(user_id, None, frozenset(ignored or ()))

    async def forget_old(self) -> None:
        """A turn of the task: it can stop anywhere, the next turn goes on."""
        before = self.clock.now_ms() - round(self.config.keep.total_seconds() * 1000)
        while await self.db.write(lambda tx: store.forget(tx, before, FORGET_AT_ONCE)) == FORGET_AT_ONCE:
            pass


@asynccontextmanager
async def start(core: Core) -> AsyncIterator[NotificationsRole]:
    """Keep the tables of the slots that this process owns, for as long as the context lasts."""
    read = cast(StoredNotifications, core.read_sides[NOTIFICATIONS_READ])
    watching = read.watching(core)
    counts, receipts = watching.counting(core), core.follower(RECEIPT_CHANGES)
    replay = Replay(core.db, core.follower(EVENTS), core.clock, partial(evaluation, core, watching.listeners))
    recorder = Recorder(core.writer(NOTIFICATIONS), core.db, watching.watch, receipts, replay=replay, clock=core.clock)
    receipts.subscribe(recorder.receive)
    watching.add(recorder)
    counts.wait = recorder.hurry
    config, rooms = core.section("notifications", NotificationsConfig), core.read_sides[ROOMS_READ]
    async with asyncio.TaskGroup() as group:
        recording = group.create_task(recorder.run(), name="record notifications")
        yield NotificationsRole(config, core.clock, core.db, rooms, core.hooks, counts)
        recording.cancel()
