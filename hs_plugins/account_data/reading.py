"""The read side of account data: from the database; whom a user ignores, from memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import orjson

from hs_core.cache import LRU
from hs_core.core import Core
from hs_core.db import Database
from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.streams.batch import Batch
from hs_plugins.account_data import store
from hs_plugins.account_data.api import ACCOUNT_DATA_CHANGES, IGNORED_USERS
from hs_plugins.account_data.contents import ignored_in
from hs_plugins.account_data.rows import AccountDataRow
from hs_plugins.account_data.store import Place

REMEMBERED: Final = 100_000
"""Users who ask and users whom they ignore, together."""


class StoredAccountData:
    """`AccountDataRead` of one process."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.cache: LRU[UserId, frozenset[UserId]] = LRU(REMEMBERED, lambda ignored: 1 + len(ignored))
        self._changes = 0

    def receive(self, batch: Batch[AccountDataRow]) -> None:
        """What is remembered of these users is out of date."""
        for _, row in batch.rows:
            if row.type == IGNORED_USERS and row.room_id is None:
                self._changes += 1
                self.cache.pop(row.user_id)

    async def global_of(self, user_id: UserId, type: str) -> Mapping[str, Any] | None:  # noqa: A002
        return _parsed(await self.content(user_id, None, type))

    async def of_room(self, user_id: UserId, room_id: RoomId, type: str) -> Mapping[str, Any] | None:  # noqa: A002
        return _parsed(await self.content(user_id, room_id, type))

    async def ignored_by(self, user_id: UserId) -> frozenset[UserId]:
        known = self.cache.get(user_id)
        if known is not None:
            return known
        changes = self._changes
        ignored = ignored_in(await self.global_of(user_id, IGNORED_USERS), user_id)
        if changes == self._changes:  # else what was read may be out of date already
            self.cache[user_id] = ignored
        return ignored

    async def ignored_by_all(self, users: Collection[UserId]) -> dict[UserId, frozenset[UserId]]:
        known = {user: ignored for user in users if (ignored := self.cache.get(user)) is not None}
        unknown = [user for user in users if user not in known]
        if unknown:
            changes = self._changes
            stored = await self._db.read(lambda tx: store.contents(tx, unknown, IGNORED_USERS))
            for user in unknown:
                known[user] = ignored_in(_parsed(stored.get(user)), user)
                if changes == self._changes:
                    self.cache[user] = known[user]
        return known

    async def content(self, user_id: UserId, room_id: RoomId | None, type: str) -> bytes | None:  # noqa: A002
        """The JSON of one type of account data."""
        place = Place(user_id, room_id, type)
        return await self._db.read(lambda tx: store.content(tx, place))


def _parsed(content: bytes | None) -> dict[str, Any] | None:
    return None if content is None else orjson.loads(content)


@asynccontextmanager
async def open_account_data(core: Core) -> AsyncIterator[StoredAccountData]:
    """Follows the changes."""
    read = StoredAccountData(core.db)
    core.caches["ignored_users"] = read.cache
    core.follower(ACCOUNT_DATA_CHANGES).subscribe(read.receive)
    yield read
