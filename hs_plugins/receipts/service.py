"""What runs where the plugin is active."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import orjson

from hs_core.clock import Clock
from hs_core.cluster.calls import Services
from hs_core.core import Core
from hs_core.db import Database
from hs_core.errors import NotFound
from hs_core.matrix.identifiers import EventId, RoomId, UserId
from hs_plugins.account_data.api import ACCOUNT_DATA, ACCOUNT_DATA_READ, FULLY_READ, AccountDataRead
from hs_plugins.receipts import store
from hs_plugins.receipts.api import RECEIPT_CHANGES, RECEIPTS, Receipt, Receipts
from hs_plugins.receipts.commit import Committer
from hs_plugins.receipts.rows import ReceiptRow
from hs_plugins.rooms.api import ROOMS_READ, RoomsRead, StoredEvent

MAX_READ: Final = 10_000
"""Receipts of one user that are read at once."""


@dataclass(frozen=True)
class ReceiptsRole:
    """Implements the service `RECEIPTS`, and is what the handlers are given."""

    clock: Clock
    services: Services
    rooms: RoomsRead
    account_data: AccountDataRead
    committer: Committer

    @property
    def receipts(self) -> Receipts:
        """In the process that owns the room."""
        return self.services[RECEIPTS]

    async def move(self, room_id: RoomId, receipt: Receipt) -> bool:
        """See `Receipts.move`."""
        stored = await self.event(room_id, receipt.event_id)
        assert stored.position is not None
        ts = self.clock.now_ms() if receipt.ts is None else receipt.ts
        row = ReceiptRow(
            room_id, receipt.user_id, receipt.type, receipt.thread_id, receipt.event_id, stored.position, ts
        )
        return await self.committer.move(row)

    async def mark_fully_read(self, user_id: UserId, room_id: RoomId, event_id: EventId) -> None:
        """Move the user's marker forward: it is "kept as an event in the room's account data". Raises NotFound."""
        position = (await self.event(room_id, event_id)).position
        content = await self.account_data.of_room(user_id, room_id, FULLY_READ) or {}
        before = (await self.rooms.timelines.events([content["event_id"]])) if "event_id" in content else {}
        if all(stored.position is None or stored.position < (position or 0) for stored in before.values()):
            said = orjson.dumps({"event_id": event_id})
            await self.services[ACCOUNT_DATA].put(user_id, room_id, FULLY_READ, said)

    async def event(self, room_id: RoomId, event_id: EventId) -> StoredEvent:
        """An event in the timeline of a room. Raises NotFound."""
        stored = (await self.rooms.timelines.events([event_id])).get(event_id)
        if stored is None or stored.event.room_id != room_id or stored.position is None:
            raise NotFound("There is no such event in this room")
        return stored


@asynccontextmanager
async def start(core: Core) -> AsyncIterator[ReceiptsRole]:
    """Own receipts for as long as the context lasts."""
    committer = Committer(core.writer(RECEIPT_CHANGES))
    async with asyncio.TaskGroup() as group:
        committing = group.create_task(committer.run(), name="commit receipts")
        yield ReceiptsRole(
            core.clock, core.services, core.read_sides[ROOMS_READ], core.read_sides[ACCOUNT_DATA_READ], committer
        )
        committing.cancel()


@dataclass(frozen=True)
class StoredReceipts:
    """`ReceiptsRead` of one process."""

    db: Database

    async def of_user(self, user_id: UserId, room_ids: Collection[RoomId]) -> dict[RoomId, list[ReceiptRow]]:
        rows = await self.db.read(lambda tx: store.of_user(tx, user_id, room_ids, store.Stretch(), MAX_READ))
        found: dict[RoomId, list[ReceiptRow]] = {}
        for _, row in rows:
            found.setdefault(row.room_id, []).append(row)
        return found

    async def moved(self, user_id: UserId, after: int, up_to: int) -> set[RoomId]:
        return await self.db.read(lambda tx: store.moved(tx, user_id, store.Stretch(after, up_to)))


@asynccontextmanager
async def open_receipts(core: Core) -> AsyncIterator[StoredReceipts]:
    """Reads the database only."""
    yield StoredReceipts(core.db)
