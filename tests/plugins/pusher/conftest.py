"""Servers that may ask push gateways at private addresses, without TLS."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
import pytest_asyncio

from hs_core.testing.client import Client
from hs_core.testing.homeserver import Homeserver, homeserver
from tests.plugins.pusher.gateways import PushGateway, gateway
from tests.serving import in_cluster, in_one_task
from tests.spec import schema

OUTBOUND: Final[dict[str, Any]] = {"outbound": {"allow_private_addresses": True, "verify_tls": False}}

APART: Final[dict[str, Any]] = {
    "pusher": {"plugins": ["pusher"], "replicas": 2},
    "notifications": {"plugins": ["notifications"]},
    "rest": {"plugins": ["*"], "except": ["pusher", "notifications"]},
}


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=["sqlite", "apart"])
async def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Homeserver]:
    """In turn: one process over SQLite, and several over PostgreSQL."""
    folder = tmp_path_factory.mktemp("pusher")
    if request.param == "sqlite":
        whole = homeserver(folder, f"sqlite:///{folder}/hs.db", settings=OUTBOUND)
    else:
        whole = in_cluster(folder, request.getfixturevalue("postgres_server"), APART, **OUTBOUND)
    async with in_one_task(whole) as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def client(server: Homeserver) -> AsyncIterator[Client]:
    """A client of these servers: the one that the other suites share may be there, and is one of theirs."""
    async with Client(server.urls, shared_secret=server.shared_secret, check=schema.check) as client:
        yield client


@pytest_asyncio.fixture
async def push_gateway() -> AsyncIterator[PushGateway]:
    async with gateway() as made:
        yield made
