"""Long reads: a thread of their own yields rows in batches, at the pace of the consumer."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from itertools import islice
from threading import Semaphore
from typing import TypeVar

from hs_core.db.database import Transaction, Work

T = TypeVar("T")

BATCHES_AHEAD = 2


async def export(
    in_transaction: Callable[[Work[None]], None], work: Work[Iterable[T]], batch: int
) -> AsyncGenerator[list[T], None]:
    """Batches of what `work` yields. `in_transaction` runs a unit of work, blocking, on a connection of its own."""
    loop = asyncio.get_running_loop()
    arrived: asyncio.Queue[list[T]] = asyncio.Queue()
    room = Semaphore(BATCHES_AHEAD)
    stopped = False

    def consume(tx: Transaction) -> None:
        items = iter(work(tx))
        while room.acquire() and not stopped and (rows := list(islice(items, batch))):
            loop.call_soon_threadsafe(arrived.put_nowait, rows)

    def run() -> None:
        try:
            in_transaction(consume)
        finally:
            if not stopped:
                loop.call_soon_threadsafe(arrived.put_nowait, [])

    worker = asyncio.ensure_future(asyncio.to_thread(run))
    try:
        while rows := await arrived.get():
            yield rows
            room.release()
        await worker
    finally:
        stopped = True
        room.release()
        await asyncio.wait([worker])
