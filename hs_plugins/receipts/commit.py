"""Group commit: the receipts of everybody who reads at the same time are written in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hs_core.cluster.leases import NotOwner
from hs_core.db import Transaction
from hs_core.streams.writer import Log, Writer
from hs_plugins.receipts import store
from hs_plugins.receipts.rows import ReceiptRow

MAX_GROUP: Final = 500
"""Receipts in one transaction: bounds how long it runs."""


@dataclass(frozen=True, slots=True)
class _Queued:
    row: ReceiptRow
    moved: asyncio.Future[bool]


class Committer:
    """Writes receipts in the order in which they come. One transaction runs at a time; the rest waits for the next."""

    def __init__(self, writer: Writer[ReceiptRow]) -> None:
        self._writer = writer
        self._queue: list[_Queued] = []
        self._waiting = asyncio.Event()

    async def move(self, row: ReceiptRow) -> bool:
        """Whether the receipt moved forward. Raises NotOwner, DatabaseUnavailable."""
        self._writer.check_owner(row.room_id)
        moved: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._queue.append(_Queued(row, moved))
        self._waiting.set()
        return await moved

    async def run(self) -> None:
        """Commit group after group for as long as the process lives."""
        while True:
            await self._waiting.wait()
            group, self._queue = self._queue[:MAX_GROUP], self._queue[MAX_GROUP:]
            if not self._queue:
                self._waiting.clear()
            await self._commit(group)

    async def _commit(self, group: Sequence[_Queued]) -> None:
        rows = [queued.row for queued in group]
        try:
            moved = await self._writer.write([row.room_id for row in rows], lambda tx, log: move_forward(tx, log, rows))
        except NotOwner as error:
            if len(group) == 1:
                _fail(group, error)
            else:  # only those whose room went to another process shall suffer
                for queued in group:
                    await self._commit([queued])
        except Exception as error:
            _fail(group, error)
        else:
            for queued, has_moved in zip(group, moved, strict=True):
                if not queued.moved.done():
                    queued.moved.set_result(has_moved)


def move_forward(tx: Transaction, log: Log[ReceiptRow], rows: Sequence[ReceiptRow]) -> list[bool]:
    """Store those of the receipts that go further than what is stored; for each, whether it did."""
    reached: dict[tuple[str, ...], int] = {}
    newest: dict[tuple[str, ...], ReceiptRow] = {}
    first_ones = set()
    moved = []
    for row in rows:
        key = (row.room_id, row.user_id, row.type, row.thread_id or "")
        if key not in reached:
            stored = store.reached(tx, row)
            if stored is None:
                first_ones.add(row.room_id)
            reached[key] = row.event_position - 1 if stored is None else stored
        moved.append(row.event_position > reached[key])
        if moved[-1]:
            reached[key] = row.event_position
            newest[key] = row
    if newest:
        told = list(newest.values())
        store.put_rooms(tx, first_ones)
        store.put(tx, log.announce_all(told), told)
    return moved


def _fail(group: Sequence[_Queued], error: Exception) -> None:
    for queued in group:
        if not queued.moved.done():
            queued.moved.set_exception(error)
