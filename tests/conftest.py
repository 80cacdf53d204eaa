"""Fixtures only; no cleverness. `server` is the homeserver of all plugins: what `hs run` starts, on each engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from hs_core.testing.client import Client
from hs_core.testing.homeserver import Homeserver, homeserver
from hs_core.testing.postgres import PostgresServer
from tests.spec import schema

pytest_plugins = ["hs_core.testing.fixtures"]


async def _serve(folder: Path, url: str, up: asyncio.Future[Homeserver], down: asyncio.Event) -> None:
    """A server's whole life is in one task, as task groups demand; a fixture's is not."""
    try:
        async with homeserver(folder, url) as server:
            up.set_result(server)
            await down.wait()
    except BaseException as error:
        if not up.done():
            up.set_exception(error)
        raise


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=["sqlite", "postgresql"])
async def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Homeserver]:
    """A homeserver with every installed plugin; its users and rooms are those of all tests, so make your own."""
    folder = tmp_path_factory.mktemp("hs")
    async with AsyncExitStack() as stack:
        url = f"sqlite:///{folder}/hs.db"
        if request.param == "postgresql":
            postgres: PostgresServer = request.getfixturevalue("postgres_server")
            name = postgres.create_database()
            stack.callback(postgres.drop_database, name)
            url = postgres.url(name)
        up: asyncio.Future[Homeserver] = asyncio.get_running_loop().create_future()
        down = asyncio.Event()
        serving = asyncio.create_task(_serve(folder, url, up, down))
        try:
            yield await up
        finally:
            down.set()
            await serving


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def client(server: Homeserver) -> AsyncIterator[Client]:
    """A client of `server`; every response to it or to its users is held against the specification."""
    async with Client(server.url, shared_secret=server.shared_secret, check=schema.check) as client:
        yield client
