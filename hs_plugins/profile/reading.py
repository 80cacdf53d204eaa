"""The read side of profiles: from memory while they do not change, else from the database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from hs_core.cache import LRU
from hs_core.core import Core
from hs_core.db import Database
from hs_core.matrix.identifiers import UserId
from hs_core.streams.batch import Batch
from hs_plugins.profile import store
from hs_plugins.profile.api import PROFILE_CHANGES
from hs_plugins.profile.fields import in_rooms
from hs_plugins.profile.rows import ProfileRow

REMEMBERED: Final = 5_000
"""Profiles, most of which have a hundred bytes."""


class StoredProfiles:
    """`ProfilesRead` of one process."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.cache: LRU[UserId, store.Fields] = LRU(REMEMBERED)
        self._changes = 0

    def forget(self, batch: Batch[ProfileRow]) -> None:
        """What is remembered of these users is out of date."""
        self._changes += 1
        for _, row in batch.rows:
            self.cache.pop(row.user_id)

    async def fields(self, user_id: UserId) -> Mapping[str, Any]:
        return await self._fields(user_id)

    async def fields_of(self, user_ids: Collection[UserId]) -> dict[UserId, Mapping[str, Any]]:
        found = await self._db.read(lambda tx: store.profiles(tx, user_ids))
        return {user: found.get(user, {}) for user in user_ids}

    async def member_fields(self, user_id: UserId) -> dict[str, Any]:
        return in_rooms(await self._fields(user_id))

    async def _fields(self, user: UserId) -> store.Fields:
        known = self.cache.get(user)
        if known is not None:
            return known
        changes = self._changes
        fields = (await self._db.read(lambda tx: store.profiles(tx, [user]))).get(user, {})
        if changes == self._changes:  # else what was read may be out of date already
            self.cache[user] = fields
        return fields


@asynccontextmanager
async def open_profiles(core: Core) -> AsyncIterator[StoredProfiles]:
    """Follows the changes."""
    profiles = StoredProfiles(core.db)
    core.caches["profiles"] = profiles.cache
    core.follower(PROFILE_CHANGES).subscribe(profiles.forget)
    yield profiles
