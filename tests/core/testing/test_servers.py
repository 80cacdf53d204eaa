"""The servers that tests bring along: shared by those who run together, and gone when they are."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis

from hs_core.testing.postgres import PostgresServer, run_postgres
from hs_core.testing.redis import RedisServer, run_redis


def test_a_database_made_from_a_template_has_its_tables(postgres_server: PostgresServer) -> None:
    template = postgres_server.create_database()
    with psycopg.connect(postgres_server.url(template)) as connection:
        connection.execute("CREATE TABLE t AS SELECT 42 AS n")
    copy = postgres_server.create_database(template)
    with psycopg.connect(postgres_server.url(copy)) as connection:
        assert connection.execute("SELECT n FROM t").fetchone() == (42,)
    for name in (copy, template):
        postgres_server.drop_database(name)


def test_a_redis_that_was_stopped_starts_again_empty() -> None:
    with run_redis() as server:
        with redis.Redis.from_url(server.url()) as client:
            client.set("a", "b")
        server.stop()
        server.start()
        with redis.Redis.from_url(server.url()) as client:
            assert client.get("a") is None


USER = """
import sys
from hs_core.testing.{module} import run_{module}
with run_{module}(sys.argv[1]) as server:
    print(server.folder, flush=True)
    sys.stdin.read()
"""


def start_user(module: str, name: str) -> tuple[subprocess.Popen[str], Path]:
    """A process that uses the shared server until its standard input is closed; and the server's folder."""
    command = [sys.executable, "-c", USER.format(module=module), name]
    user = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert user.stdout is not None
    return user, Path(user.stdout.readline().strip())


def wait_for_end(pid: int) -> None:
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended, _, _ = select.select([process], [], [], 20)
    os.close(process)
    assert ended, "the server still runs"


@pytest.mark.parametrize(
    ("module", "pid_of"),
    [
        ("redis", lambda folder: (folder / "pid").read_text()),
        ("postgres", lambda folder: (folder / "data/postmaster.pid").read_text().split()[0]),
    ],
)
def test_a_shared_server_ends_when_its_last_user_is_killed(module: str, pid_of: Callable[[Path], str]) -> None:
    name = f"test-{module}-{os.getpid()}"
    (first, folder), (second, same_folder) = start_user(module, name), start_user(module, name)
    assert folder == same_folder
    pid = int(pid_of(folder))
    first.communicate("")
    assert int(pid_of(folder)) == pid
    os.kill(pid, 0)
    second.send_signal(signal.SIGKILL)
    second.communicate()
    wait_for_end(pid)


def test_postgres_and_redis_of_ones_own_can_run_side_by_side() -> None:
    with run_postgres() as first, run_redis() as other, run_redis() as another:
        assert isinstance(first, PostgresServer)
        assert isinstance(other, RedisServer)
        assert other.folder != another.folder
