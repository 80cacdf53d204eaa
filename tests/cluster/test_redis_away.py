"""Redis goes away under load and comes back with nothing: who syncs does not miss a row, and is shown none twice."""

from __future__ import annotations

import asyncio
from signal import SIGKILL

from tests.cluster.conftest import Cluster

CONVERGED = 5.0
"""Seconds after its return within which everybody has been shown all there is."""


async def test_redis_is_not_missed_for_long(cluster: Cluster) -> None:
    load, redis = cluster.load, cluster.redis
    async with load.going_on():
        await load.more()
        await asyncio.to_thread(redis.stop, SIGKILL)
        try:
            await load.more(2)
        finally:
            await asyncio.to_thread(redis.start)
        said = load.said()
        async with asyncio.timeout(CONVERGED):
            while not load.all_have_seen(said):  # noqa: ASYNC110  # each of the readers syncs on by itself
                await asyncio.sleep(0.05)
        await load.more()
    await cluster.check()
