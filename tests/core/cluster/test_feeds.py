"""Work that is fed by a stream: every row once and in order, whatever happens to the process that does it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from hs_core.cluster import feeds
from hs_core.cluster.feeds import FeedWatch, Portion
from hs_core.cluster.leases import NotOwner
from hs_core.core import Core
from hs_core.db import Database, Transaction, open_database
from hs_core.plugin.declaration import Feed, Plugin
from hs_core.testing.homeserver import homeserver
from hs_core.testing.redis import RedisServer
from tests.core.streams.notes import NOTES, Note, prepare, store

PATIENCE = 20

_COPIES = "SELECT position, text FROM copies ORDER BY position"


@dataclass
class Reader:
    """Copies every note into a table of its own, whose primary key minds when a row comes twice."""

    db: Database
    name: str
    failures: list[Exception] = field(default_factory=list)

    async def copy(self, portion: Portion) -> None:
        if self.failures:
            raise self.failures.pop()

        def transaction(tx: Transaction) -> None:
            tx.insert_many("copies", ("position", "text", "reader"), [(p, n.text, self.name) for p, n in portion.rows])
            portion.done(tx)

        await self.db.write(transaction)


def plugin(failures: list[Exception] | None = None) -> Plugin:
    @asynccontextmanager
    async def start(core: Core) -> AsyncIterator[Reader]:
        yield Reader(core.db, "reader", failures or [])

    return Plugin("copier", writes=[NOTES], feeds=[Feed("copy", NOTES.name, Reader.copy, most=3)], start=start)


@pytest.fixture
async def url(database_url: str) -> str:
    database = await open_database(database_url)
    await prepare(database)
    await database.write(
        lambda tx: tx.run("CREATE TABLE copies (position BIGINT PRIMARY KEY, text TEXT NOT NULL, reader TEXT NOT NULL)")
    )
    await database.close()
    return database_url


async def say(core: Core, *texts: str) -> None:
    notes = [Note("a", text) for text in texts]
    await core.writer(NOTES).write(["a"], lambda tx, log: store(tx, log, notes))


async def copied(core: Core, *texts: str) -> None:
    """Wait until just these have been copied, in this order."""
    async with asyncio.timeout(PATIENCE):
        while [text for _, text in await core.db.read(lambda tx: tx.all(_COPIES))] != list(texts):
            """Not yet."""


async def test_every_row_is_worked_on_in_order_and_once(tmp_path: Path, url: str) -> None:
    async with homeserver(tmp_path, url, plugins=[plugin()]) as server:
        await say(server.core, "1", "2", "3", "4", "5", "6", "7")
        await copied(server.core, "1", "2", "3", "4", "5", "6", "7")
        await say(server.core, "8")
        await copied(server.core, "1", "2", "3", "4", "5", "6", "7", "8")


async def test_a_restart_goes_on_where_it_was(tmp_path: Path, url: str) -> None:
    async with homeserver(tmp_path, url, plugins=[plugin()]) as server:
        await say(server.core, "1", "2")
        await copied(server.core, "1", "2")
    idle = Plugin("copier", writes=[NOTES])
    async with homeserver(tmp_path, url, plugins=[idle]) as server:
        await say(server.core, "3")
    async with homeserver(tmp_path, url, plugins=[plugin()]) as server:
        await say(server.core, "4")
        await copied(server.core, "1", "2", "3", "4")


async def test_rows_that_fail_are_tried_again_before_the_next(tmp_path: Path, url: str) -> None:
    failures: list[Exception] = [ValueError("a mistake")]
    async with homeserver(tmp_path, url, plugins=[plugin(failures=failures)]) as server:
        await say(server.core, "1", "2")
        await copied(server.core, "1", "2")

    assert not failures


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_one_process_at_a_time_does_it_and_another_goes_on(
    tmp_path: Path, url: str, redis_server: RedisServer
) -> None:
    settings = {
        "server_name": "feeds.test",
        "redis": {"url": redis_server.url()},
        "cluster": {"secret": "sesame"},
    }
    texts: list[str] = []
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
    async with homeserver(folders[0], url, settings=settings, plugins=[plugin()]) as first:
        async with homeserver(folders[1], url, settings=settings, plugins=[plugin()]) as second:
            for number in range(20):
                texts.append(str(number))
                await say_to_the_owner((first.core, second.core), texts[-1])
            await copied(second.core, *texts)
        await say_to_the_owner([first.core], "the last")
        await copied(first.core, *texts, "the last")


async def say_to_the_owner(cores: Sequence[Core], text: str) -> None:
    """Say it in the process that owns the topic, which may be changing."""
    while True:
        await until(lambda: any(core.writer(NOTES).owns("a") for core in cores))
        owner = next((core for core in cores if core.writer(NOTES).owns("a")), cores[0])
        try:
            await say(owner, text)
            return
        except NotOwner:
            """It has moved in this moment, and nothing was written."""


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  # what is waited for is in several processes at once
            await asyncio.sleep(0.005)


async def test_who_waits_for_feeds_is_told_when_they_have_caught_up(tmp_path: Path, url: str) -> None:
    failures: list[Exception] = []
    quick, slow = plugin(failures), Feed("also", NOTES.name, _ignore, rest=timedelta(hours=1))
    both = replace(quick, feeds=[*quick.feeds, slow])
    async with homeserver(tmp_path, url, plugins=[both]) as server:
        watch = FeedWatch(both, server.core.db, server.core.clock)
        await say(server.core, "1", "2")
        assert await watch.caught_up(PATIENCE)
        assert await server.core.db.read(lambda tx: len(tx.all(_COPIES))) == 2

        await say(server.core, "3")  # one of the feeds rests, the other does not
        assert not await watch.caught_up(0.2)
        await copied(server.core, "1", "2", "3")


async def test_nobody_waits_for_a_feed_that_is_far_behind(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "FAR_BEHIND", 3)
    idle = replace(plugin(), feeds=[])
    async with homeserver(tmp_path, url, plugins=[idle]) as server:
        await say(server.core, "1", "2", "3", "4")
        async with asyncio.timeout(PATIENCE / 2):
            assert not await FeedWatch(plugin(), server.core.db, server.core.clock).caught_up(PATIENCE)


async def _ignore(_role: object, _portion: Portion) -> None:
    """Has nothing to do with the rows."""
