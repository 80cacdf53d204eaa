"""Background work is done again and again, whatever happens to one turn of it."""

import asyncio
from datetime import timedelta

from hs_core.cluster.leases import Leases
from hs_core.cluster.shards import TaskSlots
from hs_core.cluster.tasks import repeat
from hs_core.db import DatabaseUnavailable
from hs_core.plugin.declaration import Task
from hs_core.testing.clock import TestClock


class Work:
    """Counts its turns; some fail."""

    def __init__(self, *failures: Exception | None) -> None:
        self.turns = 0
        self._failures = list(failures)

    async def turn(self) -> None:
        self.turns += 1
        if self._failures and (failure := self._failures.pop(0)):
            raise failure


async def after(seconds: float, work: Work, slots: TaskSlots | None = None) -> int:
    """How many turns there have been when so much time has passed."""
    clock = TestClock()
    task = Task("count", timedelta(seconds=10), Work.turn)
    repeating = asyncio.ensure_future(repeat(task, work, clock, slots))
    await clock.advance(seconds)
    assert not repeating.done()
    repeating.cancel()
    return work.turns


async def test_the_first_turn_comes_after_one_interval() -> None:
    assert await after(9, Work()) == 0
    assert await after(10, Work()) == 1
    assert await after(45, Work()) == 4


async def test_a_turn_that_fails_is_not_the_last() -> None:
    assert await after(45, Work(ValueError("a mistake"), DatabaseUnavailable("away"), None)) == 4


async def test_turns_that_fall_to_another_process_are_left_out() -> None:
    assert await after(45, Work(), TaskSlots(Leases("owner of nothing"), "count", 1)) == 0
