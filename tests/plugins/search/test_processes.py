"""Whoever keeps the index and the user directory may die, or stand still: another process goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hs_core.testing.client import User
from hs_core.testing.deployment import Deployment, deployed
from hs_core.testing.http import path
from hs_core.testing.redis import RedisServer
from tests.plugins.search.acts import find
from tests.plugins.user_directory.acts import search

pytestmark = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)

PATIENCE = 30
LAYOUT = {
    "finder": {"plugins": ["search", "user_directory"], "replicas": 2},
    "rest": {"plugins": ["*"], "except": ["search", "user_directory"]},
}


async def test_another_process_goes_on_where_one_was(
    tmp_path: Path, database_url: str, redis_server: RedisServer
) -> None:
    async with (
        deployed(tmp_path / "hs", database_url, redis_server.url(), LAYOUT) as deployment,
        deployment.client("rest") as client,
    ):
        alice = await client.register("alice")
        room = await alice.create_room(preset="public_chat")
        said = [await alice.send_text(room, "fox 0")]
        await until_found(deployment, "finder-0", alice, said)
        await until_found(deployment, "finder-1", alice, said)

        await deployment["finder-0"].kill()
        said.append(await speak(alice, room, 1))
        await until_found(deployment, "finder-1", alice, said)

        await deployment["finder-0"].start()
        deployment["finder-1"].freeze()
        said.append(await speak(alice, room, 2))
        await until_found(deployment, "finder-0", alice, said)
        deployment["finder-1"].thaw()
        said.append(await speak(alice, room, 3))
        await until_found(deployment, "finder-1", alice, said)


async def speak(user: User, room: str, number: int) -> str:
    """Say something, under a new name."""
    await user.request("PUT", path("profile", user.user_id, "displayname"), json={"displayname": f"Fox {number}"})
    return await user.send_text(room, f"fox {number}")


async def until_found(deployment: Deployment, process: str, user: User, said: list[str]) -> None:
    """Return when a process finds all that was said, and who said it by their newest name."""
    number = len(said) - 1
    async with asyncio.timeout(PATIENCE), deployment.client(process) as client:
        asker = User(client, user.login, user.password)
        while await find(asker, "fox") != said[::-1]:
            """Not yet."""
        while number and await search(asker, f"fox {number}") != [user.user_id]:
            """Not yet."""
        assert await search(asker, f"fox {number - 1}") == []
