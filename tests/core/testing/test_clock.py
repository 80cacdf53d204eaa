"""The clock that tests move by hand."""

import asyncio

from hs_core.testing.clock import TestClock


async def test_sleepers_wake_in_order_each_at_its_own_moment() -> None:
    clock, woken = TestClock(now_ms=1000), list[tuple[str, int]]()

    async def sleep(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.now_ms()))

    async with asyncio.TaskGroup() as group:
        group.create_task(sleep("late", 3))
        group.create_task(sleep("early", 1))
        await clock.advance(2)
        assert woken == [("early", 2000)]
        await clock.advance(1)

    assert woken == [("early", 2000), ("late", 4000)]
    assert clock.monotonic() == 3


async def test_one_advance_can_wake_somebody_again_and_again() -> None:
    clock, turns = TestClock(), 0

    async def tick() -> None:
        nonlocal turns
        while True:
            await clock.sleep(10)
            turns += 1

    task = asyncio.create_task(tick())
    await clock.advance(65)
    task.cancel()

    assert turns == 6


def test_no_text_of_chance_comes_twice() -> None:
    clock = TestClock()
    texts = [clock.random_text(4) for _ in range(200)]

    assert len(set(texts)) == 200
    assert {len(text) for text in texts} == {4}
