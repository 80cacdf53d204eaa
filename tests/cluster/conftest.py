"""One cluster for the tests of this folder, with two processes of each role, and people who keep it busy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from hs_core.testing.client import Client
from hs_core.testing.deployment import SECRET, Deployment, deployed
from hs_core.testing.postgres import PostgresServer, run_postgres
from hs_core.testing.redis import RedisServer, run_redis
from tests.cluster import acts
from tests.cluster.ledger import Ledger, ledger
from tests.cluster.load import Act, Load

SERVER_NAME = "cluster.test"
TWO_OF_EACH = {
    "edge": {"plugins": ["client", "login"], "replicas": 2},
    "rooms": {"plugins": ["rooms"], "replicas": 2},
    "sync": {"plugins": ["sync"], "replicas": 2},
    "rest": {"plugins": ["*"], "except": ["client", "login", "rooms", "sync"], "replicas": 2},
}
ROOMS = 3
STREAMS = ("events", "account_data", "receipts", "to_device", "typing", "presence")
"""Some of those that the load keeps busy, two of them in memory."""


@dataclass(frozen=True)
class Cluster:
    """A deployment and what it stands on, which may be taken away."""

    deployment: Deployment
    postgres: PostgresServer
    redis: RedisServer
    load: Load
    ledger: Ledger
    database: str
    """Its URL."""

    async def check(self) -> None:
        """Everything that was acknowledged is there, once and in order, and no position was ever used twice."""
        await self.load.check()
        await self.ledger.check(STREAMS)


def everything(load: Load) -> list[Act]:
    """What three people do besides talking in three rooms."""
    alice, bob, carol = load.people
    of_alice, of_bob, of_carol = load.readers
    supply = acts.Supply(carol)
    return [
        *(acts.Whispers(sender, reader) for sender in (alice, bob) for reader in (of_bob, of_carol)),
        *(acts.Claims(claimer, supply) for claimer in (alice, bob)),
        *(acts.AccountData(reader) for reader in (of_alice, of_bob)),
        *(acts.PushRules(reader) for reader in (of_bob, of_carol)),
        *(acts.Reading(reader.person, reader, room) for reader, room in zip(load.readers, load.rooms, strict=True)),
        acts.Typing(bob, of_alice, load.rooms[0]),
        acts.Presence(carol, of_alice),
        acts.Renaming(alice, of_carol),
        acts.Making(bob),
    ]


@pytest.fixture(scope="session")
def durable_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL that may be stopped, and loses nothing by it."""
    with run_postgres(durable=True) as server:
        yield server


@pytest.fixture(scope="session")
def own_redis() -> Iterator[RedisServer]:
    """A Redis that may be stopped."""
    with run_redis() as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def cluster(
    durable_postgres: PostgresServer, own_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Cluster]:
    """Up and ready at the beginning of each test, if the one before put it right again."""
    url = durable_postgres.url(durable_postgres.create_database())
    folder = tmp_path_factory.mktemp("cluster")
    async with (
        ledger(url, own_redis.url(), SERVER_NAME) as kept,
        deployed(folder, url, own_redis.url(), TWO_OF_EACH, server_name=SERVER_NAME) as deployment,
        Client(deployment.urls, shared_secret=SECRET) as client,
    ):
        load = await Load.begin(lambda: deployment.urls, client, rooms=ROOMS)
        load.acts += everything(load)
        yield Cluster(deployment, durable_postgres, own_redis, load, kept, url)
