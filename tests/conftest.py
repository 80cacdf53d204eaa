"""Fixtures only; no cleverness. `server` is the homeserver of all plugins: what `hs run` starts, and a cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from hs_core.plugin.discovery import discover
from hs_core.testing.client import Client
from hs_core.testing.homeserver import Homeserver, homeserver
from hs_core.testing.postgres import PostgresServer
from tests.serving import in_cluster, in_one_task
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


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=["sqlite", "postgresql", "cluster"])
async def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Homeserver]:
    """A homeserver with every installed plugin; its users and rooms are those of all tests, so make your own.

    In turn: one process over each engine, and a cluster that is asked at each of its processes. `tests.layouts` has
    other choices.
    """
    folder = tmp_path_factory.mktemp("hs")
    settings = _register_appservice(folder)
    with ExitStack() as stack:
        if request.param == "sqlite":
            whole = homeserver(folder, f"sqlite:///{folder}/hs.db", settings=settings)
        elif request.param == "postgresql":
            postgres: PostgresServer = request.getfixturevalue("postgres_server")
            name = postgres.create_database()
            stack.callback(postgres.drop_database, name)
            whole = homeserver(folder, postgres.url(name), settings=settings)
        else:
            postgres = request.getfixturevalue("postgres_server")
            whole = in_cluster(folder, postgres, LAYOUTS[request.param], **settings)
        async with in_one_task(whole) as server:
            yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def client(server: Homeserver) -> AsyncIterator[Client]:
    """A client of `server`; every response to it or to its users is held against the specification."""
    async with Client(server.urls, shared_secret=server.shared_secret, check=schema.check) as client:
        yield client
