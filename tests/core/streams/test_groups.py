"""Group commit: who shares a transaction, and who suffers when one fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from hs_core.cluster.leases import NotOwner
from hs_core.db import DatabaseUnavailable
from hs_core.streams.groups import Groups

MOST = 3


class Disk:
    """Writes numbers, and answers with their doubles; until it is `idle` nothing is written."""

    def __init__(self) -> None:
        self.idle = asyncio.Event()
        self.transactions: list[list[int]] = []
        self.foreign: set[int] = set()
        self.away = False

    async def write(self, numbers: Sequence[int]) -> list[int]:
        await self.idle.wait()
        if self.away:
            raise DatabaseUnavailable("gone")
        if self.foreign & set(numbers):
            raise NotOwner("numbers", {0})
        self.transactions.append(list(numbers))
        return [2 * number for number in numbers]


@asynccontextmanager
async def _groups(disk: Disk) -> AsyncIterator[Groups[int, int]]:
    groups = Groups(disk.write, MOST)
    running = asyncio.create_task(groups.run())
    yield groups
    running.cancel()


async def _all_at_once(disk: Disk, groups: Groups[int, int], numbers: Sequence[int]) -> list[int | BaseException]:
    adding = [asyncio.create_task(groups.add(number)) for number in numbers]
    await asyncio.sleep(0.01)  # the first is being written, the others have come meanwhile
    disk.idle.set()
    return await asyncio.gather(*adding, return_exceptions=True)


async def test_what_comes_during_a_transaction_shares_the_next_in_its_order() -> None:
    disk = Disk()
    async with _groups(disk) as groups:
        assert await _all_at_once(disk, groups, range(6)) == [0, 2, 4, 6, 8, 10]
        assert await groups.add(9) == 18
    assert [number for group in disk.transactions for number in group] == [*range(6), 9]
    assert max(map(len, disk.transactions)) == MOST
    assert disk.transactions[-1] == [9]


async def test_only_what_belongs_to_another_process_fails() -> None:
    disk = Disk()
    disk.foreign = {2}
    async with _groups(disk) as groups:
        *good, bad = await _all_at_once(disk, groups, [0, 1, 3, 2])
    assert good == [0, 2, 6]
    assert isinstance(bad, NotOwner)


async def test_a_failure_ends_with_the_transaction_that_it_was_in() -> None:
    disk = Disk()
    disk.away = True
    async with _groups(disk) as groups:
        assert all(isinstance(each, DatabaseUnavailable) for each in await _all_at_once(disk, groups, range(4)))
        disk.away = False
        assert await groups.add(5) == 10


async def test_who_stops_waiting_does_not_keep_others_from_their_answers() -> None:
    disk = Disk()
    async with _groups(disk) as groups:
        gone, stays = asyncio.create_task(groups.add(1)), asyncio.create_task(groups.add(2))
        await asyncio.sleep(0)
        gone.cancel()
        disk.idle.set()
        assert await stays == 4
        with pytest.raises(asyncio.CancelledError):
            await gone
