"""What runs where the plugin is active."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from hs_core.cluster.feeds import FeedWatch, Portion
from hs_core.core import Core
from hs_core.db import Database, Transaction
from hs_core.matrix.identifiers import UserId
from hs_plugins.login.api import USERS
from hs_plugins.rooms.api import ROOMS_READ
from hs_plugins.user_directory.config import UserDirectoryConfig
from hs_plugins.user_directory.people import PeopleFollower
from hs_plugins.user_directory.ranking import ranked
from hs_plugins.user_directory.rooms import RoomsFollower
from hs_plugins.user_directory.searching import Found, search
from hs_plugins.user_directory.terms import spellings, words_of

PATIENCE: Final = 0.5
"""Seconds that a search waits for what has just happened."""


@dataclass(frozen=True)
class UserDirectoryRole:
    """What the handlers, feeds and tasks are given."""

    config: UserDirectoryConfig
    db: Database
    rooms: RoomsFollower
    people: PeopleFollower
    feeds: FeedWatch

    async def find(self, searcher: UserId, typed: str, languages: Collection[str]) -> list[Found]:
        """Users whom the searcher may find, the best first."""
        searches = [words for each in spellings(typed, languages) if (words := words_of(each))]
        if not searches:
            return []
        await self.feeds.caught_up(PATIENCE)

        def look(tx: Transaction) -> list[Found]:
            return [
                found
                for words in searches
                for found in search(tx, searcher, words, everybody=self.config.search_all_users)
            ]

        return ranked(set(await self.db.read(look)), typed)

    async def take_in_events(self, portion: Portion) -> None:
        """A feed: see `RoomsFollower.take_in`."""
        await self.rooms.take_in(portion)

    async def take_in_profiles(self, portion: Portion) -> None:
        """A feed: see `PeopleFollower.take_in_profiles`."""
        await self.people.take_in_profiles(portion)

    async def take_in_accounts(self, portion: Portion) -> None:
        """A feed: see `PeopleFollower.take_in_accounts`."""
        await self.people.take_in_accounts(portion)

    async def take_in_old_accounts(self) -> None:
        """A task: see `PeopleFollower.take_in_old_accounts`."""
        await self.people.take_in_old_accounts()


@asynccontextmanager
async def start(core: Core) -> AsyncIterator[UserDirectoryRole]:
    """Says what the role needs of the core, for as long as it runs."""
    yield UserDirectoryRole(
        config=core.section("user_directory", UserDirectoryConfig),
        db=core.db,
        rooms=RoomsFollower(core.server_name, core.db, core.read_sides[ROOMS_READ]),
        people=PeopleFollower(core.db, core.read_sides[USERS]),
        feeds=FeedWatch(core.installed["user_directory"], core.db, core.clock),
    )
