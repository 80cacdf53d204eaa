"""A homeserver with its accounts, on each engine."""

from collections.abc import AsyncIterator

import pytest

from hs_core.db import Engine
from hs_core.testing.client import Client
from hs_core.testing.homeserver import Homeserver, homeserver
from hs_core.testing.postgres import PostgresServer
from hs_plugins.login.plugin import plugin as login
from hs_plugins.rooms.plugin import plugin as rooms
from tests.spec.schema import check


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """One server for all tests of a module, on each engine in turn."""
    chosen: Engine = request.param
    return chosen


@pytest.fixture(scope="module")
async def server(
    engine: Engine, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Homeserver]:
    folder = tmp_path_factory.mktemp("server")
    url = f"sqlite:///{folder}/hs.db"
    if engine == "postgresql":
        postgres: PostgresServer = request.getfixturevalue("postgres_server")
        url = postgres.url(postgres.create_database())
    async with homeserver(folder, url, plugins=[rooms, login]) as running:
        yield running


@pytest.fixture
async def client(server: Homeserver) -> AsyncIterator[Client]:
    """Registers openly."""
    async with Client(server.url, check=check) as connected:
        yield connected
