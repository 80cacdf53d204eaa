"""Fixtures only; no cleverness. `server` is the homeserver of all plugins: what `hs run` starts, and a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from hs_core.plugin.discovery import discover
from hs_core.testing.client import Client
from hs_core.testing.deployment import deployed
from hs_core.testing.homeserver import Homeserver, homeserver
from hs_core.testing.postgres import PostgresServer
from hs_core.testing.redis import run_redis
from tests.spec import schema

pytest_plugins = ["hs_core.testing.fixtures"]


EVERY_PLUGIN_IN_ONE_PLACE = {
    "edge": {"plugins": ["client", "login"]},
    "rooms": {"plugins": ["rooms"]},
    "sync": {"plugins": ["sync"]},
    "keys": {"plugins": ["keys", "key_backup", "to_device"]},
    "moments": {"plugins": ["receipts", "typing", "presence"]},
    "rest": {
        "plugins": ["*"],
        "except": [
            *("client", "login", "rooms", "sync"),
            *("keys", "key_backup", "to_device", "receipts", "typing", "presence"),
        ],
    },
}
"""A cluster of six processes: whatever is asked of one of them, others have to be asked, too."""

EACH_PLUGIN_ALONE = {name: {"plugins": [name]} for name in discover().plugins}

LAYOUTS = {"cluster": EVERY_PLUGIN_IN_ONE_PLACE, "scattered": EACH_PLUGIN_ALONE}
"""Of the servers that are not one process."""


async def _serve(
    server: AbstractAsyncContextManager[Homeserver], up: asyncio.Future[Homeserver], down: asyncio.Event
) -> None:
    """A server's whole life is in one task, as task groups demand; a fixture's is not."""
    try:
        async with server as homeserver:
            up.set_result(homeserver)
            await down.wait()
    except BaseException as error:
        if not up.done():
            up.set_exception(error)
        raise


APPSERVICE = {
    "id": "quiet",
    "url": None,
    "as_token": "the-token-of-the-quiet-service",
    "hs_token": "what-it-is-told-by-the-server",
    "sender_localpart": "_quiet_bot",
    "namespaces": {"users": [{"exclusive": True, "regex": "@_quiet_.*"}]},
}
"""An application service of all servers, which wants to be told nothing."""


def _register_appservice(folder: Path) -> dict[str, Any]:
    """Settings."""
    file = folder / "appservice.yaml"
    file.write_text(yaml.safe_dump(APPSERVICE), encoding="utf-8")
    return {"appservices": [str(file)]}


@asynccontextmanager
async def _cluster(
    folder: Path, database: str, layout: Mapping[str, Any], settings: Mapping[str, Any]
) -> AsyncIterator[Homeserver]:
    """With a Redis of its own: on a shared one it would hear other deployments of the same name."""
    with run_redis() as redis:
        async with (
            deployed(folder, database, redis.url(), layout, **settings) as deployment,
            deployment.joined() as server,
        ):
            yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=["sqlite", "postgresql", "cluster"])
async def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Homeserver]:
    """A homeserver with every installed plugin; its users and rooms are those of all tests, so make your own.

    In turn: one process over each engine, and a cluster that is asked at each of its processes. `tests.layouts` has
    other choices.
    """
    folder = tmp_path_factory.mktemp("hs")
    async with AsyncExitStack() as stack:
        url = f"sqlite:///{folder}/hs.db"
        if request.param != "sqlite":
            postgres: PostgresServer = request.getfixturevalue("postgres_server")
            name = postgres.create_database()
            stack.callback(postgres.drop_database, name)
            url = postgres.url(name)
        layout = LAYOUTS.get(request.param)
        settings = _register_appservice(folder)
        if layout is None:
            whole = homeserver(folder, url, settings=settings)
        else:
            whole = _cluster(folder, url, layout, settings)
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
    """A client of `server`; every response to it or to its users is held against the specification."""
    async with Client(server.urls, shared_secret=server.shared_secret, check=schema.check) as client:
        yield client
