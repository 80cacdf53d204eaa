"""The directory's read side."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from hs_core.core import Core
from hs_core.db import Database
from hs_core.matrix.identifiers import RoomAlias, RoomId
from hs_plugins.directory import store
from hs_plugins.directory.values import Alias

MAX_ALIASES = 1000
"""Aliases of one room that are listed."""


class StoredDirectory:
    """`DirectoryRead` out of the directory's tables."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def find(self, aliases: Collection[RoomAlias]) -> dict[RoomAlias, Alias]:
        return await self._db.read(lambda tx: store.find_aliases(tx, aliases)) if aliases else {}

    async def of_room(self, room_id: RoomId) -> list[RoomAlias]:
        return await self._db.read(lambda tx: store.aliases_of_room(tx, room_id, MAX_ALIASES))

    async def of_rooms(self, room_ids: Collection[RoomId]) -> dict[RoomId, list[RoomAlias]]:
        return await self._db.read(lambda tx: store.aliases_of_rooms(tx, room_ids, MAX_ALIASES)) if room_ids else {}

    async def is_published(self, room_id: RoomId, network: str = "") -> bool:
        return await self._db.read(lambda tx: store.is_published(tx, room_id, network))

    async def published_among(self, room_ids: Collection[RoomId]) -> set[RoomId]:
        return await self._db.read(lambda tx: store.published_among(tx, room_ids)) if room_ids else set()


@asynccontextmanager
async def open_directory(core: Core) -> AsyncIterator[StoredDirectory]:
    """Nothing is kept in memory."""
    yield StoredDirectory(core.db)
