"""Servers that may ask push gateways at private addresses, without TLS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio

from hs_core.testing.client import Client
from hs_core.testing.deployment import deployed
from hs_core.testing.homeserver import Homeserver, homeserver
from hs_core.testing.postgres import PostgresServer
from hs_core.testing.redis import run_redis
from tests.plugins.pusher.gateways import PushGateway, gateway
from tests.spec import schema

OUTBOUND: Final[dict[str, Any]] = {"outbound": {"allow_private_addresses": True, "verify_tls": False}}

APART: Final[dict[str, Any]] = {
    "pusher": {"plugins": ["pusher"], "replicas": 2},
    "notifications": {"plugins": ["notifications"]},
    "rest": {"plugins": ["*"], "except": ["pusher", "notifications"]},
}


@asynccontextmanager
async def _apart(folder: Path, database: str) -> AsyncIterator[Homeserver]:
    with run_redis() as redis:
        async with (
            deployed(folder, database, redis.url(), APART, **OUTBOUND) as deployment,
            deployment.joined() as server,
        ):
            yield server


async def _serve(whole: Any, up: asyncio.Future[Homeserver], down: asyncio.Event) -> None:
    try:
        async with whole as server:
            up.set_result(server)
            await down.wait()
    except BaseException as error:
        if not up.done():
            up.set_exception(error)
        raise


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=["sqlite", "apart"])
async def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Homeserver]:
    """In turn: one process over SQLite, and several over PostgreSQL."""
    folder = tmp_path_factory.mktemp("pusher")
    async with AsyncExitStack() as stack:
        if request.param == "sqlite":
            whole = homeserver(folder, f"sqlite:///{folder}/hs.db", settings=OUTBOUND)
        else:
            postgres: PostgresServer = request.getfixturevalue("postgres_server")
            name = postgres.create_database()
            stack.callback(postgres.drop_database, name)
            whole = _apart(folder, postgres.url(name))
        up: asyncio.Future[Homeserver] = asyncio.get_running_loop().create_future()
        down = asyncio.Event()
        serving = asyncio.create_task(_serve(whole, up, down))
        try:
            yield await up
        finally:
            down.set()
            await serving


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def client(server: Homeserver) -> AsyncIterator[Client]:
    """A client of these servers: the one that the other suites share may be there, and is one of theirs."""
    async with Client(server.urls, shared_secret=server.shared_secret, check=schema.check) as client:
        yield client


@pytest_asyncio.fixture
async def push_gateway() -> AsyncIterator[PushGateway]:
    async with gateway() as made:
        yield made
