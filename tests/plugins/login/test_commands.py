"""`hs user` and `hs token`, on a server that runs and on one that does not."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from hs_core.testing.client import Client
from hs_core.testing.deployment import deployed
from hs_core.testing.homeserver import homeserver
from hs_core.testing.redis import run_redis


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Of a server that does not run."""
    file = tmp_path / "hs.yaml"
    settings = {"server_name": "hs.test", "data_dir": "data", "password_hash": {"cost": "minimum"}}
    listeners = {"listeners": [{"port": 0, "resources": ["client", "admin"]}]}
    file.write_text(yaml.safe_dump(settings | listeners))
    return file


def hs(config: Path, *words: str) -> tuple[int, str]:
    """The exit status, and what was printed: on standard output, or if it failed, on standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "hs_core", *words, "-c", config], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr if done.returncode else done.stdout


def test_accounts_of_a_stopped_server_are_made_and_changed(config: Path) -> None:
    assert hs(config, "user", "create", "Alice", "--admin", "--password", "pw") == (0, "@alice:hs.test admin\n")
    assert hs(config, "user", "admin", "alice", "--revoke") == (0, "@alice:hs.test\n")
    assert hs(config, "user", "deactivate", "alice") == (0, "@alice:hs.test deactivated\n")
    assert hs(config, "user", "list") == (0, "@alice:hs.test deactivated\n")
    assert hs(config, "user", "create", "alice", "--password", "pw") == (1, "hs: The user ID is taken\n")
    assert hs(config, "user", "create", "bob", "--password", "") == (2, "hs: the password is empty\n")


def test_registration_tokens_come_and_go(config: Path) -> None:
    assert hs(config, "token", "registration", "create", "pals", "--uses", "3") == (0, "pals  used 0 of 3\n")
    assert hs(config, "token", "registration", "delete", "foes") == (1, "hs: There is no token foes\n")


async def test_a_live_server_does_what_whoever_has_its_key_asks(tmp_path: Path, unused_tcp_port: int) -> None:
    listeners = {"listeners": [{"port": unused_tcp_port, "resources": ["client", "admin"]}]}
    async with homeserver(tmp_path, f"sqlite:///{tmp_path}/hs.db", settings=listeners) as server:
        done = await asyncio.to_thread(hs, tmp_path / "hs.yaml", "user", "create", "live", "--password", "pw")
        assert done == (0, "@live:hs.test\n")
        async with Client(server.url) as client:
            await client.login("live", "pw")
            nonce = (await client.request("GET", "/_hs/administer"))["nonce"]
            forged = {"nonce": nonce, "action": '{"do":"list users"}', "signature": "A" * 86}
            assert await client.error("POST", "/_hs/administer", json=forged) == (403, "M_FORBIDDEN")


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_a_deployment_does_it_wherever_the_plugin_is_active(database_url: str, tmp_path: Path) -> None:
    layout = {"login": {"plugins": ["login"]}, "rest": {"plugins": ["*"], "except": ["login"]}}
    with run_redis() as redis:
        async with deployed(tmp_path / "hs", database_url, redis.url(), layout) as deployment:
            config = tmp_path / "hs" / "hs.yaml"
            done = await asyncio.to_thread(hs, config, "user", "create", "live", "--password", "pw")
            assert done == (0, "@live:hs.test\n")
            async with deployment.client("rest") as client:
                await client.login("live", "pw")
            assert "slots taken" not in deployment.said_by("rest").partition("serving")[2], "nothing was handed over"
        done = await asyncio.to_thread(hs, config, "user", "create", "still", "--password", "pw")
        assert done == (0, "@still:hs.test\n")


async def test_a_server_that_cannot_be_administered_says_so(tmp_path: Path) -> None:
    async with homeserver(tmp_path, f"sqlite:///{tmp_path}/hs.db"):
        status, said = await asyncio.to_thread(hs, tmp_path / "hs.yaml", "user", "list")
        assert (status, said.splitlines()[0]) == (
            1,
            "hs: the server is running, and does not let itself be administered",
        )
