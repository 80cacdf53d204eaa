"""Who types and who is online is kept by several processes at once, and goes on when one of them is there no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest
import pytest_asyncio

from hs_core.testing.client import Client, User
from hs_core.testing.deployment import Deployment, deployed
from hs_core.testing.http import Json, path
from hs_core.testing.postgres import PostgresServer
from hs_core.testing.redis import RedisServer
from hs_core.testing.sync import Sync
from tests.cluster.database import owners

LAYOUT = {
    "rest": {"plugins": ["*"], "except": ["typing", "presence"]},
    "moments": {"plugins": ["typing", "presence"], "replicas": 2},
}
BOTH = {"moments-0", "moments-1"}
MANY = 10
"""Rooms, or users: so many that nearly always either process keeps some."""
PATIENCE = 30.0

ends = pytest.mark.parametrize("end", ["stopped", "killed"])


@dataclass
class Moments:
    """A deployment in which two processes keep who types and who is online."""

    deployment: Deployment
    database: str

    async def lose_one(self, end: str) -> None:
        """One process ends, and the other takes over what it kept."""
        if end == "stopped":
            assert await self.deployment["moments-0"].stop() == 0
        else:
            await self.deployment["moments-0"].kill()
        await self.until_kept_by({"moments-1"})

    async def gain_one(self) -> None:
        """It comes back, and takes its share."""
        await self.deployment.start()
        await self.until_kept_by(BOTH)

    async def until_kept_by(self, names: set[str]) -> None:
        async with asyncio.timeout(PATIENCE):
            for stream in ("typing", "presence"):
                while await owners(self.database, stream) != names:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)  # nobody in this process knows when


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def moments(
    postgres_server: PostgresServer, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Moments]:
    url = postgres_server.url(postgres_server.create_database())
    folder = tmp_path_factory.mktemp("moments")
    async with deployed(folder, url, redis_server.url(), LAYOUT, server_name="moments.test") as deployment:
        yield Moments(deployment, url)


@pytest.fixture
async def client(moments: Moments) -> AsyncIterator[Client]:
    await moments.until_kept_by(BOTH)
    async with moments.deployment.client("rest") as client:
        yield client


class Watcher:
    """Somebody who syncs, and what they are shown."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.typing: dict[str, list[str]] = {}
        self.shown: list[list[str]] = []
        """Who typed in some room, each time that this was told."""
        self.presence: dict[str, Json] = {}
        self._since: str | None = None

    async def until_typing(self, expected: dict[str, list[str]]) -> None:
        await self._until(lambda: self.typing == expected)

    async def until_present(self, expected: dict[str, tuple[str, str]]) -> None:
        await self._until(
            lambda: (
                expected.items()
                <= {who: (each["presence"], each.get("status_msg")) for who, each in self.presence.items()}.items()
            )
        )

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._look(await self.user.sync(self._since, timeout=1000))

    def _look(self, sync: Sync) -> None:
        for room in sync.rooms():
            for event in sync.events(room, "ephemeral"):
                if event["type"] == "m.typing":
                    self.typing[room] = event["content"]["user_ids"]
                    self.shown.append(self.typing[room])
        for event in sync.get("presence", {}).get("events", []):
            self.presence[event["sender"]] = event["content"]
        self._since = sync.next_batch


async def two_in_many_rooms(client: Client) -> tuple[User, User, list[str]]:
    """Two users, and `MANY` rooms that both are in."""
    alice, bob = await client.register(), await client.register()
    rooms = [await alice.create_room(preset="public_chat") for _ in range(MANY)]
    for room in rooms:
        await bob.join(room)
    return alice, bob, rooms


async def types(user: User, rooms: list[str], *, typing: bool = True) -> None:
    for room in rooms:
        where = path("rooms", room, "typing", user.user_id)
        await user.request("PUT", where, json={"typing": typing, "timeout": 120_000})


@ends
async def test_who_types_goes_on_typing(moments: Moments, client: Client, end: str) -> None:
    alice, bob, rooms = await two_in_many_rooms(client)
    watcher = Watcher(alice)
    await types(alice, rooms)
    await watcher.until_typing({room: [alice.user_id] for room in rooms})

    await moments.lose_one(end)
    await types(bob, rooms)
    await watcher.until_typing({room: [alice.user_id, bob.user_id] for room in rooms})
    assert all(alice.user_id in shown for shown in watcher.shown), "nobody stops for a moment"

    await moments.gain_one()
    await types(alice, rooms, typing=False)
    await watcher.until_typing({room: [bob.user_id] for room in rooms})


async def test_who_typed_under_owners_that_nobody_survived_is_shown_no_more(moments: Moments, client: Client) -> None:
    alice, bob, rooms = await two_in_many_rooms(client)
    watcher = Watcher(bob)
    await types(alice, rooms)
    await watcher.until_typing({room: [alice.user_id] for room in rooms})

    for name in BOTH:
        await moments.deployment[name].kill()
    await moments.deployment.start(["moments-1"])
    await watcher.until_typing({room: [] for room in rooms})

    await types(alice, rooms)
    await watcher.until_typing({room: [alice.user_id] for room in rooms})
    await moments.gain_one()


@ends
async def test_who_is_online_stays_so_with_what_they_said(moments: Moments, client: Client, end: str) -> None:
    people = [await client.register() for _ in range(MANY)]
    watcher = Watcher(await client.register())
    room = await watcher.user.create_room(preset="public_chat")
    for one in people:
        await one.join(room)
        await one.request("PUT", status(one), json={"presence": "online", "status_msg": f"{one.user_id} is here"})
    await watcher.until_present({one.user_id: ("online", f"{one.user_id} is here") for one in people})

    await moments.lose_one(end)
    for one in people:
        found = await watcher.user.request("GET", status(one))
        assert (found["presence"], found["status_msg"]) == ("online", f"{one.user_id} is here")
    for one in people:
        await one.request("PUT", status(one), json={"presence": "unavailable", "status_msg": "away"})
    await watcher.until_present({one.user_id: ("unavailable", "away") for one in people})

    await moments.gain_one()
    for one in people:
        found = await watcher.user.request("GET", status(one))
        assert (found["presence"], found["status_msg"]) == ("unavailable", "away")
        await one.request("PUT", status(one), json={"presence": "offline", "status_msg": "gone"})
    await watcher.until_present({one.user_id: ("offline", "gone") for one in people})


def status(user: User) -> str:
    return path("presence", user.user_id, "status")
