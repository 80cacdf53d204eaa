"""Servers for fixtures that outlast a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from hs_core.testing.deployment import deployed
from hs_core.testing.homeserver import Homeserver
from hs_core.testing.postgres import PostgresServer
from hs_core.testing.redis import run_redis

T = TypeVar("T")


@asynccontextmanager
async def in_one_task(whole: AbstractAsyncContextManager[T]) -> AsyncIterator[T]:
    """A context whose whole life is in one task, as task groups demand; that of a fixture is not."""
    up: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    down = asyncio.Event()

    async def live() -> None:
        try:
            async with whole as entered:
                up.set_result(entered)
                await down.wait()
        except BaseException as error:
            if not up.done():
                up.set_exception(error)
            raise

    living = asyncio.create_task(live())
    try:
        yield await up
    finally:
        down.set()
        await living


@asynccontextmanager
async def in_cluster(
    folder: Path, postgres: PostgresServer, layout: Mapping[str, Any], **settings: Any
) -> AsyncIterator[Homeserver]:
    """A cluster with a database and a Redis of its own: on a shared one it would hear others of the same name."""
    name = postgres.create_database()
    try:
        with run_redis() as redis:
            url = postgres.url(name)
            async with (
                deployed(folder, url, redis.url(), layout, **settings) as deployment,
                deployment.joined() as server,
            ):
                yield server
    finally:
        postgres.drop_database(name)
