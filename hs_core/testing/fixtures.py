"""Fixtures for pytest: `pytest_plugins = ["hs_core.testing.fixtures"]`.

Servers start when the first test asks for one, and end with the run. A PostgreSQL serves all workers.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hs_core.db import Engine
from hs_core.testing.postgres import PostgresServer, run_postgres
from hs_core.testing.redis import RedisServer, run_redis


def _shared_name(kind: str) -> str | None:
    """The same in all workers of a run with pytest-xdist."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    return f"{kind}-{run[:12]}" if run else None


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL, shared by the whole run: create a database of your own in it, and do not stop it."""
    with run_postgres(_shared_name("pg")) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A Redis of this worker: do not stop it.

    Not that of others: deployments of one name that share a Redis hear each other, whichever databases they have.
    """
    with run_redis() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each database engine in turn; choose one with `parametrize("engine", ["sqlite"], indirect=True)`."""
    chosen: Engine = request.param
    return chosen


@pytest.fixture
def database_url(engine: Engine, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database of `engine`, gone after the test."""
    if engine == "sqlite":
        yield f"sqlite:///{tmp_path}/hs.db"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = server.create_database()
    yield server.url(name)
    server.drop_database(name)
