"""The door of the receipts plugin: move receipts, hear of them, read them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

import msgspec

from hs_core.matrix.identifiers import EventId, RoomId, UserId
from hs_core.plugin import By, ReadSide, Service, Stream
from hs_plugins.receipts.rows import MAIN, READ, READ_PRIVATE, ReceiptRow
from hs_plugins.receipts.store import load_rows

__all__ = [
    "MAIN",
    "READ",
    "READ_PRIVATE",
    "RECEIPTS",
    "RECEIPTS_READ",
    "RECEIPT_CHANGES",
    "Receipt",
    "ReceiptRow",
    "Receipts",
    "ReceiptsRead",
]

RECEIPT_CHANGES = Stream("receipts", ReceiptRow, load=load_rows, shard_by=By.ROOM, slots=64)
"""Receipts that moved forward. One of a user, room, type and thread replaces the one before it."""


class Receipt(msgspec.Struct, frozen=True):
    """Somebody's word that they have read up to an event."""

    user_id: UserId
    type: str
    """`m.read` or `m.read.private`."""
    event_id: EventId
    thread_id: str | None = None
    """The root of a thread, `main`, or `None` for an unthreaded receipt."""
    ts: int | None = None
    """When, in milliseconds since the epoch; `None` for now."""


class Receipts(Protocol):
    """Calls run in the process that owns their first argument, a room.

    The caller has checked that the user is in the room, and that the thread is the event's.
    """

    async def move(self, room_id: RoomId, receipt: Receipt) -> bool:
        """Move a user's receipt; whether it moved. One that would go back, or stay, changes nothing.

        Raises NotFound for an event that is in no timeline of this room.
        """


class ReceiptsRead(Protocol):
    """Receipts as they are in the database, in any process."""

    async def of_user(self, user_id: UserId, room_ids: Collection[RoomId]) -> dict[RoomId, list[ReceiptRow]]:
        """The user's receipts in these rooms, private ones included; a room without any is left out."""

    async def moved(self, user_id: UserId, after: int, up_to: int) -> set[RoomId]:
        """The rooms in which a receipt of the user's last moved in this part of `RECEIPT_CHANGES`."""


RECEIPTS = Service[Receipts]("receipts", owner=RECEIPT_CHANGES)
RECEIPTS_READ = ReadSide[ReceiptsRead]("receipts")
