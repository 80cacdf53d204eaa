"""What falls to each process of what all of them may use."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hs_core.cache import LRU
from hs_core.cluster.budget import LARGEST, LEAST, LOOK_SECONDS, SMALLEST, Budget, connections_of, scale_after
from hs_core.core import Core
from hs_core.db import Database, Transaction, open_database
from hs_core.testing.clock import TestClock
from hs_core.testing.homeserver import homeserver
from hs_core.testing.redis import RedisServer

PATIENCE = 60
MIB = 1 << 20

_OPEN = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()"


@given(budget=st.integers(4, 500), processes=st.integers(1, 200))
def test_all_processes_and_one_more_keep_to_the_budget_if_it_allows_two_each(budget: int, processes: int) -> None:
    each = connections_of(budget, processes)

    assert each.pool >= 1
    assert each.exports >= 1
    if budget >= LEAST * (processes + 1):
        assert (processes + 1) * (each.pool + each.exports) <= budget or (each.pool, each.exports) == (6, 2)
        assert processes * (each.pool + each.exports) <= budget


@given(budget=st.integers(4, 500), processes=st.integers(1, 200))
def test_more_processes_never_means_more_for_each(budget: int, processes: int) -> None:
    few, many = connections_of(budget, processes), connections_of(budget, processes + 1)

    assert many.pool + many.exports <= few.pool + few.exports


def test_caches_shrink_above_the_share_and_grow_well_below_it() -> None:
    assert scale_after(1, used=90 * MIB, share=100 * MIB) == 1
    assert scale_after(1, used=110 * MIB, share=100 * MIB) == pytest.approx(0.818, abs=0.001)
    assert scale_after(1, used=1000 * MIB, share=100 * MIB) == 0.5
    assert scale_after(1, used=50 * MIB, share=100 * MIB) == 1.1


@given(used=st.lists(st.integers(1, 1000), min_size=100, max_size=200))
def test_caches_keep_a_size_that_makes_sense(used: list[int]) -> None:
    scale = 1.0
    for each in used:
        scale = scale_after(scale, each, 100)
        assert SMALLEST <= scale <= LARGEST


class Limited:
    """Notes what a database is limited to."""

    def __init__(self) -> None:
        self.limits: list[int] = []

    def limit(self, pool: int, exports: int) -> None:
        self.limits.append(pool + exports)


async def test_less_is_used_at_once_and_more_when_others_have_seen_the_same() -> None:
    clock, db = TestClock(), Limited()
    budget = Budget(db, {}, clock, connections=12, memory=None, processes=2, used=lambda: None, give_back=lambda: None)  # type: ignore[arg-type]
    running = asyncio.ensure_future(budget.run())
    assert db.limits[-1] == 4
    budget.see(["a", "b", "c"])
    assert db.limits[-1] == 3
    budget.see([])  # this process has lost its place, and will take it again
    budget.see(["a"])
    assert db.limits[-1] == 3
    await clock.advance(LOOK_SECONDS)
    assert db.limits[-1] == 3
    await clock.advance(LOOK_SECONDS)
    assert db.limits[-1] == 6
    running.cancel()


async def test_caches_are_made_to_fit_a_share_that_grows_smaller() -> None:
    clock, cache, given = TestClock(), LRU[int, int](1000), Event()
    for number in range(1000):
        cache[number] = number
    budget = Budget(
        Limited(),  # type: ignore[arg-type]
        {"numbers": cache},
        clock,
        connections=60,
        memory=400 * MIB,
        processes=2,
        used=lambda: 190 * MIB,
        give_back=given.set,
    )
    running = asyncio.ensure_future(budget.run())
    await clock.advance(LOOK_SECONDS)
    assert len(cache) == 1000
    assert not given.is_set()
    budget.see(["a", "b", "c", "d"])
    await clock.advance(LOOK_SECONDS)

    assert len(cache) == 500
    assert 999 in cache
    assert await asyncio.to_thread(given.wait, PATIENCE)
    running.cancel()


async def at_once(db: Database, jobs: int) -> int:
    """How many of so many units of work the database does side by side."""
    now, most = 0, 0

    def sleep(tx: Transaction) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        tx.value("SELECT pg_sleep(0.02)")
        now -= 1

    await asyncio.gather(*(db.read(sleep) for _ in range(jobs)))
    return most


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_a_pool_grows_and_shrinks_while_it_works(database_url: str) -> None:
    db = await open_database(database_url)
    try:
        db.limit(4, 1)
        await asyncio.gather(at_once(db, 20), *(db.read(lambda tx: tx.value("SELECT 1")) for _ in range(50)))
        async with asyncio.timeout(PATIENCE):
            while await at_once(db, 20) != 4:
                """Those that are one too many end when they have nothing to do."""
        db.limit(1, 1)
        assert await at_once(db, 20) >= 1
        async with asyncio.timeout(PATIENCE):
            while db.connections > 1 or await opened(db) > 1:
                """They hang up."""
        assert await at_once(db, 5) == 1
        db.limit(3, 1)
        assert await at_once(db, 20) == 3
    finally:
        await db.close()


@asynccontextmanager
async def process(folder: Path, url: str, redis: str) -> AsyncIterator[Core]:
    settings = {
        "server_name": "budget.test",
        "redis": {"url": redis},
        "cluster": {"secret": "sesame"},
        "database": {"url": url, "max_connections": 12},
    }
    async with homeserver(folder, url, settings=settings) as server:
        yield server.core


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_processes_that_join_do_not_need_more_connections_in_all(
    tmp_path: Path, database_url: str, redis_server: RedisServer
) -> None:
    watcher = await open_database(database_url, readers=1)
    async with AsyncExitStack() as stack:
        cores = [await stack.enter_async_context(process(tmp_path, database_url, redis_server.url())) for _ in range(5)]
        async with asyncio.timeout(PATIENCE):
            while max([await at_once(core.db, 20) for core in cores]) > 1:
                """Not all have heard of the last one yet."""
        busy = [asyncio.ensure_future(at_once(core.db, 50)) for core in cores]
        assert await opened(watcher) <= 12 + 1  # the watcher's own
        await asyncio.gather(*busy)
    await watcher.close()


async def opened(db: Database) -> int:
    """How many connections PostgreSQL has open to this database."""
    return int(await db.read(lambda tx: tx.value(_OPEN)) or 0)
