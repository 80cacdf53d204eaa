"""Few are served at once, and nobody keeps all others waiting."""

from __future__ import annotations

import asyncio

import pytest

from hs_core.errors import Unavailable
from hs_plugins.media.turns import Turns


class Work:
    """Notes who has a turn; it ends when it is told to."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.now: list[str] = []
        self.done = asyncio.Semaphore(0)

    async def do(self, who: str) -> None:
        async with self.turns.turn(who):
            self.now.append(who)
            await self.done.acquire()
            self.now.remove(who)


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_who_asks_for_much_leaves_room_for_others() -> None:
    work = Work(Turns(2, 10, 100))
    async with asyncio.TaskGroup() as group:
        for who in ("mallory", "mallory", "mallory", "alice", "bob"):
            group.create_task(work.do(who))
            await settle()
        assert work.now == ["mallory", "alice"]
        work.done.release()
        await settle()
        assert sorted(work.now) == ["alice", "bob"]
        for _ in range(4):
            work.done.release()
    assert work.now == []


async def test_nobody_waits_in_a_queue_without_end() -> None:
    work = Work(Turns(1, 2, 3))
    async with asyncio.TaskGroup() as group:
        for who in ("alice", "alice", "bob"):
            group.create_task(work.do(who))
            await settle()
        for who in ("alice", "carol"):
            with pytest.raises(Unavailable):
                await work.do(who)
        for _ in range(3):
            work.done.release()
    work.done.release()
    await work.do("alice")


async def test_who_gives_up_leaves_no_trace() -> None:
    work = Work(Turns(1, 1, 5))
    first = asyncio.create_task(work.do("alice"))
    second = asyncio.create_task(work.do("bob"))
    await settle()
    second.cancel()
    await settle()
    third = asyncio.create_task(work.do("bob"))
    work.done.release()
    work.done.release()
    await asyncio.gather(first, third)
