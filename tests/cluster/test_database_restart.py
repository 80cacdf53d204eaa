"""PostgreSQL crashes or freezes under load and comes back: 503 meanwhile, then everything goes on by itself."""

from __future__ import annotations

import asyncio
from pathlib import Path
from signal import SIGINT

import pytest

from hs_core.testing.client import Client
from hs_core.testing.deployment import deployed
from hs_core.testing.http import CLIENT_API
from hs_core.testing.postgres import run_postgres
from hs_core.testing.redis import run_redis
from tests.cluster.conftest import Cluster
from tests.cluster.load import PATIENCE

SILENT = "the database does not answer"


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


async def test_nothing_is_lost_when_postgresql_freezes(cluster: Cluster) -> None:
    load, deployment = cluster.load, cluster.deployment
    load.patience.seconds = 4 * PATIENCE
    before = [process.process.pid for process in deployment.processes.values()]
    try:
        async with load.going_on():
            await load.more()
            cluster.postgres.freeze()
            try:
                asked = [asyncio.ensure_future(_say(cluster, url)) for url in deployment.urls]
                assert {await each for each in asked} == {503}, "whoever waits is told to try again"
                async with asyncio.timeout(load.patience.seconds):
                    while {await _reasons(url) for url in deployment.urls} != {(SILENT,)}:  # noqa: ASYNC110
                        await asyncio.sleep(0.1)
                load.failures.clear()
                await load.until_failed(len(load.acts))
                assert {failure[:3] for failure in load.failures} <= {"503", "Tim"}
            finally:
                cluster.postgres.thaw()
            await deployment.ready()
            await load.more()
        await cluster.check()
    finally:
        load.patience.seconds = PATIENCE
    assert [process.process.pid for process in deployment.processes.values() if process.is_up] == before


async def test_who_waits_for_a_silent_database_to_stop_can_be_interrupted(tmp_path: Path) -> None:
    with run_postgres() as postgres, run_redis() as redis:
        database = postgres.url(postgres.create_database())
        async with deployed(tmp_path / "deployment", database, redis.url(), {"all": {"plugins": ["*"]}}) as deployment:
            running = deployment["all"]
            async with deployment.client("all") as client:
                await client.register()
            postgres.freeze()
            try:
                running.process.send_signal(SIGINT)
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(running.process.wait(), 1)
                running.process.send_signal(SIGINT)
                async with asyncio.timeout(PATIENCE):
                    assert await running.process.wait() == 1
            finally:
                postgres.thaw()


async def _say(cluster: Cluster, url: str) -> int:
    """The status of a write by somebody who waits for as long as it takes."""
    user = cluster.load.people[0].user
    where = CLIENT_API + user.path("account_data", "test.frozen")
    headers = {"Authorization": f"Bearer {user.access_token}"}
    async with user.session.put(url + where, json={}, headers=headers) as response:
        return response.status


async def _reasons(url: str) -> tuple[str, ...]:
    async with Client(url) as client:
        answer = await client.answer("GET", "/health/ready")
    return tuple(answer.body.get("reasons", ()))
