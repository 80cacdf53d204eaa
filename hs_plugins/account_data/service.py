"""The calls of `AccountData`, in the process that owns the user."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

import orjson

from hs_core.cluster.calls import Services
from hs_core.core import Core
from hs_core.db import Database, Transaction
from hs_core.errors import TooLarge
from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.plugin.hooks import Hooks
from hs_core.plugin.hookspecs import account_data_changed
from hs_core.streams.writer import Log, Writer
from hs_plugins.account_data import store
from hs_plugins.account_data.api import (
    ACCOUNT_DATA,
    ACCOUNT_DATA_CHANGES,
    ACCOUNT_DATA_READ,
    TAGS,
    AccountData,
)
from hs_plugins.account_data.contents import MAX_TOTAL, check_size, weight, with_tag, without_tag
from hs_plugins.account_data.reading import StoredAccountData
from hs_plugins.account_data.rows import AccountDataRow
from hs_plugins.account_data.store import Place
from hs_plugins.account_data.successors import Successors, Tombstones
from hs_plugins.rooms.api import EVENTS, ROOMS_READ

Change = Callable[[bytes | None], bytes | None]
"""What there is to be instead of what there was, both JSON objects or nothing."""


@dataclass(frozen=True)
class AccountDataRole:
    """Implements the service `ACCOUNT_DATA`, and is what the handlers are given."""

    writer: Writer[AccountDataRow]
    db: Database
    services: Services
    read: StoredAccountData
    hooks: Hooks

    @property
    def calls(self) -> AccountData:
        """To the process that owns the user."""
        return self.services[ACCOUNT_DATA]

    async def put(self, user_id: UserId, room_id: RoomId | None, type: str, content: bytes) -> None:  # noqa: A002
        """See `AccountData.put`."""
        await self._change(Place(user_id, room_id, type), lambda before: content)

    async def put_tag(self, user_id: UserId, room_id: RoomId, tag: str, content: bytes) -> None:
        """See `AccountData.put_tag`."""
        await self._change(Place(user_id, room_id, TAGS), lambda before: with_tag(before, tag, content))

    async def delete_tag(self, user_id: UserId, room_id: RoomId, tag: str) -> None:
        """See `AccountData.delete_tag`."""
        await self._change(Place(user_id, room_id, TAGS), lambda before: without_tag(before, tag))

    async def erase(self, user_id: UserId) -> None:
        """See `AccountData.erase`."""
        await self.db.write(lambda tx: store.erase(tx, user_id))

    async def _change(self, place: Place, change: Change) -> None:
        def work(tx: Transaction, log: Log[AccountDataRow]) -> AccountDataRow | None:
            total = store.total_for_change(tx, place.user_id)
            before = store.content(tx, place)
            after = change(before)
            if after is None or after == before:
                return None
            check_size(after)
            grown = total + weight(place.type, after) - weight(place.type, before)
            if grown > max(total, MAX_TOTAL):
                raise TooLarge(f"All account data of a user together may have {MAX_TOTAL} bytes")
            if grown != total:
                store.set_total(tx, place.user_id, grown)
            row = AccountDataRow(place.user_id, place.room_id, place.type, after)
            store.put(tx, row, log.announce(row))
            return row

        row = await self.writer.write([place.user_id], work)
        if row is not None:
            await self.hooks.notify(account_data_changed, row.user_id, row.room_id, row.type, orjson.loads(row.content))


@asynccontextmanager
async def start(core: Core) -> AsyncIterator[AccountDataRole]:
    """Own account data for as long as the context lasts."""
    writer, read = core.writer(ACCOUNT_DATA_CHANGES), cast(StoredAccountData, core.read_sides[ACCOUNT_DATA_READ])
    successors = Successors(core.read_sides[ROOMS_READ], core.hooks)
    tombstones = Tombstones(core.server_name, writer, successors, core.clock)
    core.follower(EVENTS).subscribe(tombstones.hear)
    async with asyncio.TaskGroup() as group:
        following = group.create_task(tombstones.run(), name="follow users to new rooms")
        yield AccountDataRole(writer, core.db, core.services, read, core.hooks)
        following.cancel()
