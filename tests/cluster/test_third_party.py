"""A plugin that somebody installed with pip, in a cluster: the equal of the others when requests come to processes in
which it is not active, when its owner dies, and when it is renewed one process at a time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest
import pytest_asyncio

from hs_core.testing.client import Client
from hs_core.testing.deployment import SECRET, Deployment, deployed
from hs_core.testing.http import Json
from hs_core.testing.postgres import PostgresServer
from hs_core.testing.redis import RedisServer
from tests.cluster.acts import Newest
from tests.cluster.database import until_members
from tests.cluster.load import PATIENCE, Load, Person, Reader
from tests.environments import Environment, copy_example, install

LAYOUT = {
    "books": {"plugins": ["guestbook"], "replicas": 2},
    "sync": {"plugins": ["sync"]},
    "rest": {"plugins": ["*"], "except": ["guestbook", "sync"]},
}
MOOD = "glad"


class Signing(Newest):
    """Somebody writes in another's book over and over; its owner is told of it by /sync."""

    def __init__(self, author: Person, reader: Reader) -> None:
        super().__init__(reader)
        self._author = author
        self.book = f"/_guestbook/v1/{reader.person.user_id}"

    async def check(self) -> None:
        await super().check()
        entries = (await self._author.ask("GET", f"{self.book}/entries"))["entries"]
        assert [entry["text"] for entry in entries if entry["author"] == self._author.user_id] == [f"{self._said}"]

    async def _say(self, number: int) -> None:
        await self._author.ask("PUT", f"{self.book}/entry", body={"text": f"{number}"})

    def _number(self, sync: Json) -> int | None:
        entries = sync.get("org.example.guestbook", {"entries": []})["entries"]
        return next((int(entry["text"]) for entry in entries if entry["author"] == self._author.user_id), None)


class Books(NamedTuple):
    """The deployment, its database, and people who sign."""

    deployment: Deployment
    database: str
    load: Load


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The plugin as it is published."""
    folder = tmp_path_factory.mktemp("books-1")
    return install(copy_example(folder), folder / "venv")


@pytest.fixture(scope="session")
def renewed(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """A later version, in which entries have a mood: another version of the stream's rows, and a column more."""
    folder = tmp_path_factory.mktemp("books-2")
    package = copy_example(folder) / "hs_guestbook"
    for name, before, after in (
        ("values.py", "    written_at: int\n", f'    written_at: int\n    mood: str = "{MOOD}"\n'),
        ("api.py", 'Stream("guestbook", Entry,', 'Stream("guestbook", Entry, version=2,'),
        (
            "store.py",
            '"position, owner, author, text, written_at"',
            '"position, owner, author, text, written_at, mood"',
        ),
        ("store.py", "text, written_at) VALUES (?,", "text, written_at, mood) VALUES (?, ?,"),
        ("store.py", "entry.written_at))", "entry.written_at, entry.mood))"),
        ("handlers.py", '"text": entry.text,', '"text": entry.text, "mood": entry.mood,'),
    ):
        text = (package / name).read_text()
        assert before in text, (name, before)
        (package / name).write_text(text.replace(before, after))
    column = f"ALTER TABLE guestbook_entries ADD COLUMN mood TEXT NOT NULL DEFAULT '{MOOD}';\n"
    (package / "schema" / "002_mood.sql").write_text(column)
    return install(package.parent, folder / "venv")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def books(
    postgres_server: PostgresServer,
    redis_server: RedisServer,
    installed: Environment,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Books]:
    name = postgres_server.create_database()
    url, folder = postgres_server.url(name), tmp_path_factory.mktemp("books")
    options = {"command": installed.command, "server_name": "books.test"}
    async with (
        deployed(folder, url, redis_server.url(), LAYOUT, ["books-0", "sync", "rest"], **options) as deployment,
        Client(deployment.urls, shared_secret=SECRET) as client,
    ):
        load = await Load.begin(lambda: deployment.urls, client, rooms=1)
        load.acts += [Signing(author, reader) for author, reader in zip(load.people, load.readers[::-1], strict=True)]
        yield Books(deployment, url, load)


async def test_any_process_answers_its_requests_as_the_one_does_where_it_is_active(books: Books) -> None:
    async with Client(books.deployment.urls, shared_secret=SECRET) as client:
        alice, bob = await client.register(), await client.register()
        book, nobody = f"/_guestbook/v1/{alice.user_id}", "/_guestbook/v1/@nobody:books.test"
        for number, _ in enumerate(books.deployment.urls):
            await bob.request("PUT", f"{book}/entry", json={"text": f"{number}"})
        pages = [await bob.request("GET", f"{book}/entries") for _ in books.deployment.urls]
        unknown = [await bob.error("PUT", f"{nobody}/entry", json={"text": "?"}) for _ in books.deployment.urls]
        nameless = [await client.error("PUT", f"{book}/entry", json={}) for _ in books.deployment.urls]
        wrong = [await bob.error("PUT", f"{book}/entry", json={"text": 5}) for _ in books.deployment.urls]

    assert pages == [pages[0]] * 3
    assert [entry["text"] for entry in pages[0]["entries"]] == ["2"]
    assert (set(unknown), set(nameless)) == ({(404, "M_NOT_FOUND")}, {(401, "M_MISSING_TOKEN")})
    assert set(wrong) == {(400, "M_BAD_JSON")}


async def test_its_owner_is_killed_frozen_and_stopped(books: Books) -> None:
    deployment, load = books.deployment, books.load
    async with load.going_on():
        await load.more()
        await deployment.start(["books-1"])
        await load.more()
        await deployment["books-0"].kill()
        await load.more()
        await deployment.start(["books-0"])
        await load.more()
        deployment["books-1"].freeze()
        await until_members(books.database, len(deployment.processes) - 1)
        await load.more()
        deployment["books-1"].thaw()
        await deployment.ready()
        await load.more()
        load.failures.clear()
        assert await deployment["books-0"].stop() == 0
        await load.more()
        assert [failure for failure in load.failures if failure.startswith("503")] == []
        await deployment.start(["books-0"])
    await load.check()


async def test_it_is_renewed_one_process_at_a_time_while_both_versions_of_its_rows_are_under_way(
    books: Books, renewed: Environment
) -> None:
    deployment, load = books.deployment, books.load
    load.patience.seconds = 6 * PATIENCE  # of some roles there is one process only
    await deployment.start()  # whoever does not run yet: this may be the first test of a worker
    async with load.going_on():
        for name in ("books-1", "sync", "books-0", "rest"):
            load.failures.clear()
            assert await deployment[name].stop() == 0
            deployment[name].command = renewed.command
            await deployment.start([name])
            await load.more()
    await load.check()
    author = load.people[0]
    page = await author.ask("GET", f"/_guestbook/v1/{load.people[2].user_id}/entries")
    assert {entry["mood"] for entry in page["entries"]} == {MOOD}
    for name in ("books", "sync", "rest"):
        assert "cannot be read" not in deployment.said_by(name)
