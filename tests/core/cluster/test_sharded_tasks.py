"""A task that is split over the processes where its plugin is active."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from hs_core.cluster.placement import slot_of
from hs_core.cluster.shards import Shards
from hs_core.core import Core
from hs_core.plugin.declaration import Plugin, Scope, Task
from hs_core.testing.homeserver import homeserver
from hs_core.testing.redis import RedisServer

PATIENCE = 30
SLOTS = 8
ALL = frozenset(range(SLOTS))
USERS = [f"@user{number}:hs.test" for number in range(40)]


@dataclass
class Sweeper:
    """Remembers what fell to it in its last turn."""

    slots: frozenset[int] = frozenset()
    users: frozenset[str] = frozenset()

    async def sweep(self, shards: Shards) -> None:
        self.slots = shards.own
        self.users = frozenset(filter(shards.owns, USERS))


def plugin(role: Sweeper) -> Plugin:
    @asynccontextmanager
    async def start(core: Core) -> AsyncIterator[Sweeper]:
        yield role

    task = Task("sweep", timedelta(milliseconds=10), Sweeper.sweep, Scope.SHARDED, slots=SLOTS)
    return Plugin("sweeper", start=start, tasks=[task])


async def test_a_process_that_is_alone_does_all_of_it(tmp_path: Path, database_url: str) -> None:
    role = Sweeper()
    async with homeserver(tmp_path, database_url, plugins=[plugin(role)]):
        await until(lambda: role.slots == ALL and role.users == set(USERS))


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_processes_share_it_and_take_over_from_one_that_is_gone(
    tmp_path: Path, database_url: str, redis_server: RedisServer
) -> None:
    settings = {"redis": {"url": redis_server.url()}, "cluster": {"secret": "sesame"}, "server_name": "sweep.test"}
    first, second = Sweeper(), Sweeper()
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
    async with homeserver(folders[0], database_url, settings=settings, plugins=[plugin(first)]):
        await until(lambda: first.slots == ALL)
        async with homeserver(folders[1], database_url, settings=settings, plugins=[plugin(second)]):
            await until(lambda: bool(second.slots) and first.slots ^ second.slots == ALL)

            assert first.users ^ second.users == set(USERS)
            assert {slot_of(user, SLOTS) for user in second.users} <= second.slots
        await until(lambda: first.slots == ALL)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  # what is waited for is in several processes at once
            await asyncio.sleep(0.005)
