"""Whole processes of one deployment: they find each other, share the slots and hear what the others write."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from hs_core.cluster.placement import slot_of
from hs_core.core import Core
from hs_core.db import open_database
from hs_core.plugin.declaration import Offer, Plugin, ReadSide
from hs_core.streams.bus import MemoryBus
from hs_core.streams.follower import Follower
from hs_core.streams.writer import Writer
from hs_core.testing.homeserver import homeserver
from hs_core.testing.redis import RedisServer
from tests.core.streams.notes import NOTES, Note, prepare, store, topic_in

pytestmark = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)

PATIENCE = 20


@asynccontextmanager
async def start(core: Core) -> AsyncIterator[Writer[Note]]:
    yield core.writer(NOTES)


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    return folders


PLUGIN = Plugin("notes", writes=[NOTES], reads=[NOTES.name], start=start)


@pytest.fixture
async def url(database_url: str) -> str:
    database = await open_database(database_url)
    await prepare(database)
    await database.close()
    return database_url


@asynccontextmanager
async def process(folder: Path, url: str, redis: str, plugin: Plugin = PLUGIN) -> AsyncIterator[Core]:
    # A name of its own keeps this deployment apart from those of other tests on the same Redis.
    settings = {
        "redis": {"url": redis},
        "cluster": {"secret": "of the tests"},
        "server_name": f"{folder.parent.name.replace('_', '-')}.test",
    }
    async with homeserver(folder, url, settings=settings, plugins=[plugin]) as server:
        yield server.core


def owned(core: Core) -> set[int]:
    writer = core.writer(NOTES)
    return {slot for slot in range(NOTES.slots) if writer.owns(topic_in(slot))}


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  # what is waited for is in several processes at once
            await asyncio.sleep(0.005)


async def say(core: Core, topic: str, text: str) -> int:
    return await core.writer(NOTES).write([topic], lambda tx, log: store(tx, log, [Note(topic, text)]))


async def test_two_processes_share_a_stream_and_hear_each_other(
    url: str, redis_server: RedisServer, folders: list[Path]
) -> None:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(process(folders[0], url, redis_server.url()))
        assert owned(first) == set(range(NOTES.slots))
        async with process(folders[1], url, redis_server.url()) as second:
            await until(lambda: bool(owned(second)) and owned(first) ^ owned(second) == set(range(NOTES.slots)))
            for slot in range(NOTES.slots):
                owner = first if slot in owned(first) else second
                position = await say(owner, topic_in(slot), "hello")
                async with asyncio.timeout(PATIENCE):
                    assert await first.follower(NOTES).reached(position)
                    assert await second.follower(NOTES).reached(position)
        await until(lambda: owned(first) == set(range(NOTES.slots)))
        await say(first, "any topic", "alone again")


@asynccontextmanager
async def read_side(core: Core) -> AsyncIterator[Follower[Note]]:
    yield core.follower(NOTES)


async def test_what_is_followed_when_used_is_not_heard_before(
    url: str, redis_server: RedisServer, folders: list[Path]
) -> None:
    notes = ReadSide[Follower[Note]]("notes")
    offer = Offer(notes, read_side, reads=[NOTES.name], when_used=True)
    shy = Plugin("notes", writes=[NOTES], offers=[offer], start=start)
    async with (
        process(folders[0], url, redis_server.url(), shy) as first,
        process(folders[1], url, redis_server.url(), shy) as second,
    ):
        await until(lambda: bool(owned(second)) and owned(first) ^ owned(second) == set(range(NOTES.slots)))
        topic = topic_in(min(owned(first)))
        await first.read_sides[notes].awake()
        told: list[str] = []
        second.read_sides[notes].subscribe(lambda batch: told.extend(note.text for _, note in batch.rows))

        assert await first.read_sides[notes].reached(await say(first, topic, "unheard"))
        assert second.read_sides[notes].position == 0
        await second.read_sides[notes].awake()
        position = await say(first, topic, "heard")
        await until(lambda: second.read_sides[notes].position == position)
        assert told == ["heard"]


async def test_without_redis_a_process_owns_everything_and_is_nobodys_member(url: str, tmp_path: Path) -> None:
    async with homeserver(tmp_path, url, plugins=[PLUGIN]) as server:
        assert owned(server.core) == set(range(NOTES.slots))
        assert slot_of("any topic", NOTES.slots) in owned(server.core)
        assert await server.core.db.read(lambda tx: tx.value("SELECT COUNT(*) FROM processes")) == 0


async def test_a_row_of_which_the_bus_lost_every_word_is_heard_of_all_the_same(
    url: str, redis_server: RedisServer, folders: list[Path]
) -> None:
    async with AsyncExitStack() as stack:
        first, second = [
            await stack.enter_async_context(process(folder, url, redis_server.url())) for folder in folders
        ]
        await until(lambda: bool(owned(second)) and owned(first) ^ owned(second) == set(range(NOTES.slots)))
        topic = topic_in(min(owned(first)))
        leases = first.writer(NOTES)._leases
        deaf = Writer(NOTES, first.db, leases, MemoryBus())
        position = await deaf.write([topic], lambda tx, log: store(tx, log, [Note(topic, "unheard")]))

        await until(lambda: second.follower(NOTES).position == position)
