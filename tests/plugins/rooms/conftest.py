"""A homeserver of each engine with nothing but rooms, shared by the tests of a module."""

from collections.abc import AsyncIterator

import pytest

from hs_core.testing.homeserver import Homeserver, homeserver
from hs_core.testing.postgres import PostgresServer
from hs_plugins.rooms.plugin import plugin


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
async def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Homeserver]:
    """A server under test: `hs.test`."""
    folder = tmp_path_factory.mktemp("server")
    url = f"sqlite:///{folder}/hs.db"
    if request.param == "postgresql":
        postgres: PostgresServer = request.getfixturevalue("postgres_server")
        url = postgres.url(postgres.create_database())
    async with homeserver(folder, url, plugins=[plugin]) as running:
        yield running
