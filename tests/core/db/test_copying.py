"""A server moves to another database, and nobody notices."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from itertools import count
from pathlib import Path

import pytest

from hs_core.cli import main
from hs_core.cli.db import histories
from hs_core.db import Database, copying, open_database
from hs_core.plugin.discovery import discover
from hs_core.testing.client import Client, User
from hs_core.testing.homeserver import homeserver
from hs_core.testing.postgres import PostgresServer

HISTORIES = histories(discover())


@asynccontextmanager
async def opened(db: Database) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await db.close()


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


async def test_a_copy_that_is_broken_off_anywhere_goes_on_where_it_was(
    tmp_path: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "ROWS_AT_ONCE", 5)
    source_url, target_url = f"sqlite:///{tmp_path}/hs.db", postgres_server.url(postgres_server.create_database())
    async with (
        homeserver(tmp_path, source_url) as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        alice = await client.register("alice")
        room = await alice.create_room(name="Lobby")
        for number in range(12):
            await alice.send_text(room, str(number))
    rows, copied = 0, dict[str, int]()
    for patience in count(1, 4):
        source, target = await open_database(source_url), await open_database(target_url)
        async with opened(source), opened(target), aclosing(copying.copy(source, target, HISTORIES)) as steps:
            seen = 0
            async for progress in steps:
                assert progress.rows >= copied.get(progress.table, 0), "what is there is not copied again"
                assert progress.all_rows <= progress.of_all
                copied[progress.table] = progress.rows
                rows = max(rows, progress.all_rows)
                seen += 1
                if seen == patience:
                    break
            else:
                assert progress.all_rows == progress.of_all == rows
                break

    async with (
        homeserver(tmp_path, target_url) as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        texts = (await (await client.login("alice")).sync(filter={"room": {"timeline": {"limit": 50}}})).texts(room)
        assert texts == [str(number) for number in range(12)]


async def test_a_copy_that_was_broken_off_begins_anew_if_a_server_has_run_meanwhile(
    tmp_path: Path, elsewhere: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source_url = f"sqlite:///{tmp_path}/hs.db"
    async with (
        homeserver(tmp_path, source_url) as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        alice = await client.register("alice")
        room = await alice.create_room(name="Lobby")
    source, target = await open_database(source_url), await open_database(elsewhere)
    async with opened(source), opened(target), aclosing(copying.copy(source, target, HISTORIES)) as steps:
        async for progress in steps:
            if progress.table == "stream_slots":
                break
    (tmp_path / "half.yaml").write_text(f"server_name: example.org\ndatabase: {{url: '{elsewhere}'}}\n")
    assert await asyncio.to_thread(main, ["check", "-c", str(tmp_path / "half.yaml")]) == 2
    assert "it is the unfinished copy of another database; run `hs db copy` again" in capsys.readouterr().err
    with pytest.raises(copying.CopyError, match="unfinished copy of another"):
        async with homeserver(tmp_path, elsewhere):
            pass

    async with (
        homeserver(tmp_path, source_url) as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        await User(client, alice.login, alice.password).send_text(room, "since then")
    assert await copy(tmp_path, elsewhere) == 0
    assert "copied, and counted" in capsys.readouterr().out

    async with (
        homeserver(tmp_path, elsewhere) as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        assert (await (await client.login("alice")).sync()).texts(room) == ["since then"]


async def test_a_server_moves_from_one_postgresql_to_another(
    tmp_path: Path, postgres_server: PostgresServer, elsewhere: str
) -> None:
    async with (
        homeserver(tmp_path, postgres_server.url(postgres_server.create_database())) as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        alice = await client.register("alice")
        room = await alice.create_room(name="Lobby")
        await alice.send_text(room, "before")

    assert await copy(tmp_path, elsewhere) == 0
    async with (
        homeserver(tmp_path, elsewhere) as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        assert (await (await client.login("alice")).sync()).texts(room) == ["before"]
