"""PostgreSQL crashes under load and comes back: 503 meanwhile, then everything goes on by itself."""

from __future__ import annotations

import asyncio

from tests.cluster.conftest import Cluster
from tests.cluster.load import PATIENCE


async def test_nothing_is_lost_when_postgresql_restarts(cluster: Cluster) -> None:
    load, deployment = cluster.load, cluster.deployment
    load.patience.seconds = 4 * PATIENCE
    try:
        async with load.going_on():
            await load.more()
            load.failures.clear()
            await asyncio.to_thread(cluster.postgres.stop, "immediate")
            try:
                await load.until_failed(len(load.acts))
            finally:
                await asyncio.to_thread(cluster.postgres.start)
            await deployment.ready()
            await load.more()
        assert {failure[:3] for failure in load.failures} == {"503"}, "with Retry-After, as `Person` sees to"
        await cluster.check()
    finally:
        load.patience.seconds = PATIENCE
    assert all(process.is_up for process in deployment.processes.values())
