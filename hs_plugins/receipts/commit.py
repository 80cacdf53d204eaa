"""Group commit: the receipts of everybody who reads at the same time are written in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hs_core.db import Transaction
from hs_core.streams.groups import Groups
from hs_core.streams.writer import Log, Writer
from hs_plugins.receipts import store
from hs_plugins.receipts.rows import ReceiptRow

MAX_GROUP: Final = 500
"""Receipts in one transaction: bounds how long it runs."""


class Committer:
    """Writes receipts in the order in which they come."""

    def __init__(self, writer: Writer[ReceiptRow]) -> None:
        self._writer = writer
        self._groups = Groups(self._write, MAX_GROUP)

    async def move(self, row: ReceiptRow) -> bool:
        """Whether the receipt moved forward. Raises NotOwner, DatabaseUnavailable."""
        self._writer.check_owner(row.room_id)
        return await self._groups.add(row)

    async def run(self) -> None:
        """Commit group after group for as long as the process lives."""
        await self._groups.run()

    async def _write(self, rows: Sequence[ReceiptRow]) -> list[bool]:
        return await self._writer.write([row.room_id for row in rows], lambda tx, log: move_forward(tx, log, rows))


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
