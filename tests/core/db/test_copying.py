"""A server moves to another database, and nobody notices."""

import asyncio
from pathlib import Path

import pytest

from hs_core.cli import main
from hs_core.testing.client import Client, User
from hs_core.testing.homeserver import homeserver
from hs_core.testing.postgres import PostgresServer


@pytest.fixture
def elsewhere(postgres_server: PostgresServer) -> str:
    """An empty PostgreSQL database; it goes with the server."""
    return postgres_server.url(postgres_server.create_database())


async def copy(folder: Path, url: str) -> int:
    """`hs db copy` with the configuration that `homeserver` left in `folder`."""
    return await asyncio.to_thread(main, ["db", "copy", "-c", str(folder / "hs.yaml"), "--to", url])


async def test_a_server_goes_on_where_it_was(tmp_path: Path, elsewhere: str) -> None:
    async with (
        homeserver(tmp_path, f"sqlite:///{tmp_path}/hs.db") as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        alice = await client.register("alice")
        room = await alice.create_room(name="Lobby")
        await alice.send_text(room, "before")
        since = (await alice.sync()).next_batch

    assert await copy(tmp_path, elsewhere) == 0

    async with (
        homeserver(tmp_path, elsewhere) as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        alice = User(client, alice.login, alice.password)
        again, bob = await client.login("alice"), await client.register("bob")
        await alice.invite(room, bob.user_id)
        await bob.join(room)
        await bob.send_text(room, "after")

        assert (await alice.sync_until(lambda sync: "after" in sync.texts(room), since)).texts(room) == ["after"]
        assert (await again.sync()).texts(room) == ["before", "after"]


async def test_nothing_is_copied_over_what_is_there(
    tmp_path: Path, elsewhere: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with (
        homeserver(tmp_path, f"sqlite:///{tmp_path}/hs.db") as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        await client.register("alice")
        assert await copy(tmp_path, elsewhere) == 1
        assert "hs.db is in use by process" in capsys.readouterr().err

    assert await copy(tmp_path, elsewhere) == 0
    assert await copy(tmp_path, elsewhere) == 1
    assert "the target is not empty: it has the table " in capsys.readouterr().err


async def test_a_database_with_another_schema_is_not_copied(
    tmp_path: Path, elsewhere: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hs.yaml").write_text("server_name: example.org\n")
    (tmp_path / "data").mkdir()

    assert await copy(tmp_path, elsewhere) == 1
    assert "run `hs db migrate` before" in capsys.readouterr().err
