"""The bus of several processes, over a real Redis that comes and goes."""

import asyncio
import select
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path

import pytest
import redis.asyncio

from hs_core.clock import SystemClock
from hs_core.db import Database, open_database
from hs_core.streams import bus_redis
from hs_core.streams.batch import Batch
from hs_core.streams.bus_redis import RedisBus
from hs_core.testing.redis import RedisServer, run_redis
from tests.core.streams.notes import NOTES, Node, Note, prepare, running, start_node

PATIENCE = 20  # seconds, before a test that waits for ever fails


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """A Redis that these tests may stop."""
    with run_redis() as server:
        yield server


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    database = await open_database(f"sqlite:///{tmp_path}/hs.db")
    await prepare(database)
    yield database
    await database.close()


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus_redis, "RETRY_SECONDS", 0.02)


@pytest.fixture
async def nodes(server: RedisServer, db: Database, tmp_path: Path) -> AsyncIterator[list[Node]]:
    """Two processes; the first owns everything."""
    async with AsyncExitStack() as stack:
        nodes = [await stack.enter_async_context(process(server, db, tmp_path.name)) for _ in range(2)]
        await nodes[0].leases.take_all(db, [NOTES])
        await connected(server, tmp_path.name, 2)
        await heard(nodes, await nodes[0].say("hello"))
        yield nodes


@asynccontextmanager
async def process(server: RedisServer, db: Database, prefix: str) -> AsyncIterator[Node]:
    bus = RedisBus(server.url(), prefix, [NOTES], SystemClock())
    node = await start_node(db, bus, SystemClock())
    async with bus.carrying(), running(node):
        yield node


async def connected(server: RedisServer, prefix: str, count: int) -> None:
    """Wait until so many processes listen."""
    channel = f"{prefix}:{NOTES.name}"
    async with redis.asyncio.Redis.from_url(server.url()) as client:
        for _ in range(50_000):
            if (await client.pubsub_numsub(channel))[0][1] >= count:
                return
    raise AssertionError("they never listened")


async def heard(nodes: list[Node], position: int) -> None:
    """Wait until all have heard what is at a position, without asking the database for it."""
    async with asyncio.timeout(PATIENCE):
        for node in nodes:
            arrived = asyncio.Event()

            def look(batch: Batch[Note], arrived: asyncio.Event = arrived) -> None:
                if batch.up_to >= position:
                    arrived.set()

            node.follower.subscribe(look)
            if node.follower.position < position:
                await arrived.wait()


async def test_another_process_hears_what_is_written(nodes: list[Node], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes[1].follower, "_next_from_database", lambda tx: None)
    await nodes[0].say("one", "two")
    await heard(nodes, await nodes[0].say("three"))

    assert nodes[0].heard == nodes[1].heard == [(1, "hello"), (2, "one"), (3, "two"), (4, "three")]


async def test_the_own_process_hears_it_at_once(nodes: list[Node]) -> None:
    position = await nodes[0].say("one")

    assert nodes[0].follower.position == position


async def test_what_was_written_while_redis_was_away_is_made_up_for(nodes: list[Node], server: RedisServer) -> None:
    await asyncio.to_thread(server.stop)
    try:
        position = await nodes[0].say("while it was away")
        assert nodes[0].follower.position == position
        await heard(nodes, position)  # by looking in the database now and then
    finally:
        await asyncio.to_thread(server.start)
    await heard(nodes, await nodes[0].say("after it came back"))

    assert [text for _, text in nodes[1].heard] == ["hello", "while it was away", "after it came back"]


async def test_messages_flow_again_after_a_restart_of_redis(
    nodes: list[Node], server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.to_thread(server.stop)
    await asyncio.to_thread(server.start)
    await connected(server, tmp_path.name, 2)
    monkeypatch.setattr(nodes[1].follower, "look", lambda: None)
    monkeypatch.setattr(nodes[1].follower, "_next_from_database", lambda tx: None)
    await heard(nodes, await nodes[0].say("news"))

    assert nodes[1].heard[-1] == (2, "news")


async def test_a_process_may_start_while_redis_is_away(server: RedisServer, db: Database, tmp_path: Path) -> None:
    await asyncio.to_thread(server.stop)
    try:
        async with process(server, db, tmp_path.name) as node:
            await node.leases.take_all(db, [NOTES])
            assert await node.say("alone") == 1
            assert node.heard == [(1, "alone")]
    finally:
        await asyncio.to_thread(server.start)


async def test_deployments_that_share_a_redis_do_not_hear_each_other(
    nodes: list[Node], server: RedisServer, db: Database
) -> None:
    async with process(server, db, "another deployment") as stranger:
        await connected(server, "another deployment", 1)
        stranger.heard.clear()
        await heard(nodes, await nodes[0].say("ours"))

        assert stranger.heard == []


async def test_a_message_that_cannot_be_read_has_the_follower_look(
    nodes: list[Node], server: RedisServer, tmp_path: Path
) -> None:
    await nodes[0].say_unheard("only in the database")
    async with redis.asyncio.Redis.from_url(server.url()) as client:
        await client.publish(f"{tmp_path.name}:notes", b"somebody else...\xff\xff\xc1")
    await heard(nodes, 2)

    assert nodes[1].heard[-1] == (2, "only in the database")


async def test_only_what_is_followed_is_subscribed_to(server: RedisServer, db: Database, tmp_path: Path) -> None:
    bus = RedisBus(server.url(), tmp_path.name, [NOTES], SystemClock())
    async with bus.carrying(), redis.asyncio.Redis.from_url(server.url()) as client, client.pubsub() as listening:
        await listening.subscribe(f"{tmp_path.name}:other")
        await listening.get_message(timeout=PATIENCE)
        assert await client.pubsub_channels(f"{tmp_path.name}:*") == [f"{tmp_path.name}:other".encode()]


async def test_what_was_published_last_is_sent_before_the_end(
    nodes: list[Node], server: RedisServer, db: Database, tmp_path: Path
) -> None:
    bus = RedisBus(server.url(), tmp_path.name, [NOTES], SystemClock())
    async with bus.carrying():
        bus.publish(Batch(NOTES.name, 1, 2, [(2, Note("a", "last"))]))
    await heard(nodes, 2)

    assert nodes[1].heard[-1] == (2, "last")


async def test_what_waits_for_redis_is_bounded(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus_redis, "MOST_WAITING_ROWS", 5)
    bus = RedisBus(server.url(), "bounded", [NOTES], SystemClock())
    looked = asyncio.Event()
    other = RedisBus(server.url(), "bounded", [NOTES], SystemClock())
    other.subscribe(NOTES.name, Listener(looked))
    for position in range(50):
        bus.publish(Batch(NOTES.name, position, position + 1, [(position + 1, Note("a", "x"))]))
    assert len(bus._outbox[NOTES.name]) <= 5
    async with other.carrying(), bus.carrying(), asyncio.timeout(PATIENCE):
        await looked.wait()


class Listener:
    """Hears nothing but that it should look."""

    def __init__(self, looked: asyncio.Event) -> None:
        self.look = looked.set

    def receive(self, batch: Batch[Note]) -> None:
        """A batch after what was dropped."""


@pytest.mark.parametrize("tells", [True, False], ids=["told how redis writes", "not told"])
async def test_what_is_carried_is_in_the_sockets_of_all_who_have_subscribed(
    server: RedisServer, db: Database, tmp_path: Path, tells: bool
) -> None:
    """Or whoever is answered could ask another process that has not heard of it."""
    url = server.url()
    if not tells:  # a Redis that is offered as a service
        async with redis.asyncio.Redis.from_url(url) as client:
            commands = ["+@all", "-config"]
            await client.acl_setuser("hs", enabled=True, passwords=["+s"], channels=["*"], commands=commands)
        url = url.replace("unix://", "unix://hs:s@")
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(12)]
        for listener in listeners:
            listener.connect(str(server.folder / "socket"))
            listener.sendall(f"SUBSCRIBE {tmp_path.name}:{NOTES.name}\r\n".encode())
            listener.recv(1000)
        bus = RedisBus(url, tmp_path.name, [NOTES], SystemClock())
        node = await start_node(db, bus, SystemClock())
        await node.leases.take_all(db, [NOTES])
        async with bus.carrying():
            for number in range(200):
                await node.say(str(number))
                await bus.carried()
                told, _, _ = select.select(listeners, [], [], 0)
                assert len(told) == len(listeners)
                for listener in listeners:
                    listener.recv(1000)
