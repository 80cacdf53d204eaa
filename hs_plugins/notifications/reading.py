"""The read side of notifications, and what one process watches for those of its plugins that need it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hs_core.core import Core
from hs_core.db import Database
from hs_core.matrix.identifiers import UserId
from hs_plugins.account_data.api import ACCOUNT_DATA_CHANGES, ACCOUNT_DATA_READ
from hs_plugins.notifications import store
from hs_plugins.notifications.api import Badge, News, Since
from hs_plugins.notifications.counts import Counts
from hs_plugins.notifications.evaluation import Evaluation
from hs_plugins.notifications.listeners import Listeners
from hs_plugins.notifications.recorder import Recorder
from hs_plugins.notifications.rooms import RoomBooks
from hs_plugins.notifications.watch import Watch
from hs_plugins.push_rules.api import PUSH_RULE_CHANGES, PUSH_RULES_READ
from hs_plugins.receipts.api import RECEIPT_CHANGES, RECEIPTS_READ
from hs_plugins.rooms.api import EVENTS, ROOMS_READ


@dataclass
class Watching:
    """The watch of one process, and the counts of the users who sync there."""

    watch: Watch
    listeners: Listeners
    counts: Counts | None = None

    def add(self, recorder: Recorder) -> None:
        """Have it write what happens."""
        self.watch.sinks.append(recorder.happened)
        self.watch.wanted.append(recorder.wants)
        self.watch.after_each.append(recorder.evaluated)

    def counting(self, core: Core) -> Counts:
        """Keep counts in memory. Where `receipts` are followed."""
        if self.counts is None:
            receipts = core.follower(RECEIPT_CHANGES)
            counts = self.counts = Counts(core.db, core.read_sides[RECEIPTS_READ], self.watch, receipts, core.clock)
            self.watch.sinks.append(counts.happened)
            self.watch.wanted.append(counts.__contains__)
            receipts.subscribe(counts.receive)
        return self.counts


class StoredNotifications:
    """`NotificationsRead` of one process."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.begun = asyncio.Event()
        self._watching: Watching | None = None

    async def badge(self, user_id: UserId) -> Badge:
        return await self.db.read(lambda tx: store.badge(tx, user_id))

    async def badges(self, users: Collection[UserId]) -> dict[UserId, int]:
        return await self.db.read(lambda tx: store.badges(tx, users))

    async def with_news(self, since: Mapping[UserId, Since]) -> set[UserId]:
        return await self.db.read(lambda tx: store.with_news(tx, since))

    async def news(self, user_id: UserId, since: Since, limit: int) -> News:
        return await self.db.read(lambda tx: store.news(tx, user_id, since, limit))

    def watching(self, core: Core) -> Watching:
        """Begin to evaluate the events of rooms, if nobody has asked for that yet. Where events are followed."""
        if self._watching is None:
            self._watching = _watching(core)
            self.begun.set()
        return self._watching

    async def run(self) -> None:
        """Evaluate what is watched, for as long as the process lives."""
        await self.begun.wait()
        assert self._watching is not None
        await self._watching.watch.run()


def evaluation(core: Core, listeners: Listeners) -> Evaluation:
    """One that has no room in memory yet."""
    rooms = core.read_sides[ROOMS_READ]
    return Evaluation(rooms, core.server_name, listeners, RoomBooks(rooms, core.server_name))


def _watching(core: Core) -> Watching:
    listeners = Listeners(core.read_sides[PUSH_RULES_READ], core.read_sides[ACCOUNT_DATA_READ])
    core.follower(PUSH_RULE_CHANGES).subscribe(listeners.rules_changed)
    core.follower(ACCOUNT_DATA_CHANGES).subscribe(listeners.account_data_changed)
    events = core.follower(EVENTS)
    watch = Watch(evaluation(core, listeners), core.clock, events.position)
    events.subscribe(watch.receive)
    return Watching(watch, listeners)


@asynccontextmanager
async def open_notifications(core: Core) -> AsyncIterator[StoredNotifications]:
    """Follows nothing until somebody watches."""
    read = StoredNotifications(core.db)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(read.run(), name="push rules")
        yield read
        running.cancel()
