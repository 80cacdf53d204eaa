"""A server with two application services, as one process and as a cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from hs_core.testing.client import Client
from hs_core.testing.homeserver import homeserver
from hs_core.testing.postgres import PostgresServer
from tests.plugins.appservice.bridges import Bridge, running
from tests.serving import in_cluster, in_one_task
from tests.spec import schema

APART = {
    "edge": {"plugins": ["client", "login", "directory"]},
    "rooms": {"plugins": ["rooms"]},
    "bridges": {"plugins": ["appservice"], "replicas": 2},
    "rest": {"plugins": ["*"], "except": ["appservice", "client", "directory", "login", "rooms"]},
}
"""A cluster in which the plugin is by itself, twice, and knows what it sends from others."""


@dataclass(frozen=True)
class Site:
    """The server's client, and its services."""

    client: Client
    irc: Bridge
    log: Bridge
    """Wants to hear of what is ephemeral, and of all rooms with the alias `#log-...`; has no room to itself."""


@asynccontextmanager
async def _site(folder: Path, postgres: PostgresServer | None) -> AsyncIterator[Site]:
    open_to_all = {
        "users": [{"exclusive": False, "regex": "@loud-.*"}],
        "aliases": [{"exclusive": False, "regex": "#log-"}],
    }
    irc = Bridge("irc", protocols=["irc"])
    log = Bridge("log", receive_ephemeral=True, protocols=["irc", "gitter"], namespaces=open_to_all)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running(irc, log))
        files = [irc.write(folder), log.write(folder)]
        if postgres is None:
            settings = {"appservices": files}
            server = await stack.enter_async_context(homeserver(folder, f"sqlite:///{folder}/hs.db", settings=settings))
        else:
            server = await stack.enter_async_context(in_cluster(folder, postgres, APART, appservices=files))
        client = Client(server.urls, shared_secret=server.shared_secret, check=schema.check)
        await _wait_for(await stack.enter_async_context(client), log)
        yield Site(client, irc, log)


async def _wait_for(client: Client, log: Bridge) -> None:
    """Until somebody sends to the services: what is ephemeral is lost before."""
    alice = await client.register()
    room = await alice.create_room(room_alias_name="log-beginning")
    await alice.send_text(room, "hello")
    await log.hears("hello")


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=["sqlite", "cluster"])
async def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """Its users and rooms are those of all tests, so make your own."""
    folder = tmp_path_factory.mktemp("appservice")
    postgres = None if request.param == "sqlite" else request.getfixturevalue("postgres_server")
    async with in_one_task(_site(folder, postgres)) as site:
        yield site
