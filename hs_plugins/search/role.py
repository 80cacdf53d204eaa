"""What runs where the plugin is active."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from hs_core.clock import Clock
from hs_core.cluster.feeds import FeedWatch, Portion
from hs_core.core import Core
from hs_core.db import Database
from hs_core.http.requester import Requester
from hs_core.plugin.hooks import Hooks
from hs_core.plugin.hookspecs import ignored_users
from hs_plugins.rooms.api import EVENTS, ROOMS_READ, Reader, RoomsRead
from hs_plugins.search.gathering import Gatherer
from hs_plugins.search.indexing import Indexer

PATIENCE: Final = 1.0
"""Seconds that a search waits for what has just been said."""


@dataclass(frozen=True)
class SearchRole:
    """What the handler, the feed and the task are given."""

    db: Database
    clock: Clock
    rooms: RoomsRead
    hooks: Hooks
    indexer: Indexer
    feeds: FeedWatch

    async def gatherer(self, asker: Requester) -> Gatherer:
        """For one search, which is to know of what was said before it."""
        await self.feeds.caught_up(PATIENCE)
        ignored = await self.hooks.first(ignored_users, asker.user_id)
        reader = Reader(asker.user_id, asker.device_id, frozenset(ignored or ()))
        return Gatherer(self.db, self.rooms, self.clock, reader)

    async def take_in(self, portion: Portion) -> None:
        """The feed: see `Indexer.take_in`."""
        await self.indexer.take_in(portion)

    async def take_in_history(self) -> None:
        """The task: see `Indexer.take_in_history`."""
        await self.indexer.take_in_history()


@asynccontextmanager
async def start(core: Core) -> AsyncIterator[SearchRole]:
    """Says what the role needs of the core, for as long as it runs."""
    rooms = core.read_sides[ROOMS_READ]
    yield SearchRole(
        db=core.db,
        clock=core.clock,
        rooms=rooms,
        hooks=core.hooks,
        indexer=Indexer(core.db, rooms, core.follower(EVENTS)),
        feeds=FeedWatch(core.installed["search"], core.db, core.clock),
    )
