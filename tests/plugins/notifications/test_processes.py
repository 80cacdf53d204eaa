"""Where events are evaluated and where clients ask may be different processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import yaml

from hs_core import keyfile
from hs_core.clock import SystemClock
from hs_core.config import load
from hs_core.core import Core
from hs_core.plugin.discovery import discover
from hs_core.process import Composition, Process, running
from hs_core.testing.client import Client, User
from hs_core.testing.redis import RedisServer
from hs_plugins.notifications.api import NOTIFICATIONS
from tests.plugins.notifications.acts import counts, listed, mention, reads, room_of, unread

pytestmark = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)

PATIENCE = 20
HERE = "notifications"
SECRET = "the secret of these tests"


class Deployment:
    """A folder, a database and a Redis, and processes that share them."""

    def __init__(self, folder: Path, database_url: str, redis_url: str) -> None:
        self._folder = folder
        self._wanted = {
            "server_name": f"{folder.name.replace('_', '-').lower()}.test",
            "data_dir": str(folder),
            "database": {"url": database_url},
            "redis": {"url": redis_url},
            "cluster": {"secret": SECRET},
            "listeners": [{"port": 0, "resources": ["client", "admin"]}],
            "registration": {"enabled": True, "shared_secret": SECRET},
            "password_hash": {"cost": "minimum"},
            "rate_limits": {"enabled": False},
        }

    @asynccontextmanager
    async def process(self, name: str, active: Callable[[str], bool]) -> AsyncIterator[Process]:
        """One in which these plugins are active; all are installed."""
        file = self._folder / "hs.yaml"
        file.write_text(yaml.safe_dump(self._wanted), encoding="utf-8")
        installed, clock = discover().plugins, SystemClock()
        config = load(file, {plugin.name: plugin.config for plugin in installed.values()}, {})
        composition = Composition(installed, [each for each in installed if active(each)], config.listeners, name)
        key = keyfile.read_or_create(config.signing_key_path, clock)
        async with running(config, composition, key, clock) as process:
            yield process


def everything_else(name: str) -> bool:
    return name != HERE


def just_this(name: str) -> bool:
    return name == HERE


@pytest.fixture
def deployment(tmp_path: Path, database_url: str, redis_server: RedisServer) -> Deployment:
    return Deployment(tmp_path, database_url, redis_server.url())


def at(user: User, client: Client) -> User:
    """The same device, asking another process."""
    return User(client, user.login, user.password)


def slots(core: Core) -> set[int]:
    return set(core.writer(NOTIFICATIONS).held)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  # what is waited for is in several processes at once
            await asyncio.sleep(0.005)


async def test_the_response_that_shows_an_event_counts_it_wherever_the_tables_are_written(
    deployment: Deployment,
) -> None:
    async with AsyncExitStack() as stack:
        main = await stack.enter_async_context(deployment.process("main", everything_else))
        other = await stack.enter_async_context(deployment.process("other", just_this))
        await until(lambda: len(slots(other.core)) == NOTIFICATIONS.slots)
        client = await stack.enter_async_context(Client(main.addresses[0], shared_secret=SECRET))
        elsewhere = await stack.enter_async_context(Client(other.addresses[0]))
        alice, bob = await client.register(), await client.register()
        room = await room_of(alice, bob)
        since = (await bob.sync()).next_batch

        first = await mention(alice, room, bob)
        told = await bob.sync(since, timeout=10_000)
        assert counts(told, room) == (1, 1)
        second = await alice.send_text(room, "two")
        assert counts(await bob.sync(told.next_batch, timeout=10_000), room) == (2, 1)
        await reads(bob, room, first)
        assert await unread(bob, room) == (1, 0)

        await until_listed(at(bob, elsewhere), {second: False, first: True})


async def test_what_happens_while_nobody_writes_the_tables_is_made_up_for(deployment: Deployment) -> None:
    async with AsyncExitStack() as stack:
        main = await stack.enter_async_context(deployment.process("main", everything_else))
        client = await stack.enter_async_context(Client(main.addresses[0], shared_secret=SECRET))
        async with deployment.process("first", just_this) as first:
            await until(lambda: len(slots(first.core)) == NOTIFICATIONS.slots)
            alice, bob, carol = await client.register(), await client.register(), await client.register()
            room = await room_of(alice, bob, carol)
            assert await unread(bob, room) == (0, 0)
            events = [await alice.send_text(room, "one")]
            async with Client(first.addresses[0]) as elsewhere:
                await until_listed(at(carol, elsewhere), dict.fromkeys(events, False))
        events += [await mention(alice, room, bob), await alice.send_text(room, "three")]
        assert await unread(bob, room) == (3, 1)
        await reads(carol, room, events[1])
        await carol.leave(room)
        await carol.join(room)
        events.append(await alice.send_text(room, "four"))

        async with deployment.process("second", just_this) as second:
            await until(lambda: len(slots(second.core)) == NOTIFICATIONS.slots)
            async with Client(second.addresses[0]) as elsewhere:
                await until_listed(at(bob, elsewhere), dict.fromkeys(events, False))
                read = [True, True, True, False]
                await until_listed(at(carol, elsewhere), dict(zip(events, read, strict=True)))


async def test_several_processes_share_the_users_and_count_each_event_once(deployment: Deployment) -> None:
    async with AsyncExitStack() as stack:
        main = await stack.enter_async_context(deployment.process("main", everything_else))
        client = await stack.enter_async_context(Client(main.addresses[0], shared_secret=SECRET))
        first = await stack.enter_async_context(deployment.process("first", just_this))
        elsewhere = await stack.enter_async_context(Client(first.addresses[0]))
        users = [await client.register() for _ in range(12)]
        room = await room_of(*users)
        async with deployment.process("second", just_this) as second:
            await until(lambda: bool(slots(second.core)) and not slots(first.core) & slots(second.core))
            events = [await users[0].send_text(room, f"message {n}") for n in range(5)]
            for user in users[1:]:
                await until_listed(at(user, elsewhere), dict.fromkeys(events, False))
        events += [await users[0].send_text(room, f"more {n}") for n in range(3)]
        await until(lambda: len(slots(first.core)) == NOTIFICATIONS.slots)
        for user in users[1:]:
            await until_listed(at(user, elsewhere), dict.fromkeys(events, False))
            assert await unread(user, room) == (len(events), 0)


async def until_listed(user: User, expected: dict[str, bool]) -> None:
    """Until exactly these events are listed, each once, as read or not."""
    found: list[tuple[str, bool]] = []
    try:
        async with asyncio.timeout(PATIENCE):
            while sorted(found) != sorted(expected.items()):
                found = [(one["event"]["event_id"], one["read"]) for one in await listed(user)]
    except TimeoutError:
        raise AssertionError(f"listed {found}, not {expected}") from None
