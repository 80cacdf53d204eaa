"""One role gets more processes, and fewer, under load: nothing else is started again, and nobody notices."""

from __future__ import annotations

from pathlib import Path

from hs_core.testing.client import Client
from hs_core.testing.deployment import SECRET, deployed
from hs_core.testing.postgres import PostgresServer
from hs_core.testing.redis import RedisServer
from tests.cluster.database import owners
from tests.cluster.load import Load

LAYOUT = {"rest": {"plugins": ["*"], "except": ["rooms"]}, "rooms": {"plugins": ["rooms"], "replicas": 4}}
ROOMS = 8
"""So many that nearly every process owns some."""


async def test_rooms_from_one_process_to_four_to_two(
    durable_postgres: PostgresServer, own_redis: RedisServer, tmp_path: Path
) -> None:
    url = durable_postgres.url(durable_postgres.create_database())
    first = ["rest", "rooms-0"]
    async with (
        deployed(tmp_path / "hs", url, own_redis.url(1), LAYOUT, first, server_name="rescaled.test") as deployment,
        Client(deployment["rest"].url, shared_secret=SECRET) as client,
    ):
        load = await Load.begin(lambda: [deployment["rest"].url], client, rooms=ROOMS)
        async with load.going_on():
            await load.more()
            await deployment.start()
            await load.more()
            assert await owners(url, "events") == {f"rooms-{number}" for number in range(4)}
            for number in (1, 2):
                assert await deployment[f"rooms-{number}"].stop() == 0
                await load.more()
        assert await owners(url, "events") == {"rooms-0", "rooms-3"}
        await load.check()
        assert not load.failures
