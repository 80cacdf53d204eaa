"""What somebody does who has much to do with others costs a bounded number of queries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hs_core.cluster.feeds import FeedWatch
from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.testing.client import Client, User
from hs_core.testing.counting import counted
from hs_core.testing.homeserver import Homeserver, homeserver
from hs_core.testing.postgres import PostgresServer
from hs_plugins.rooms.api import ROOMS, Join
from tests.plugins.keys.devices import changed, publish

PATIENCE = 60
MEMBERS = 1_000
ROOMS_OF_ONE = 500
BOUND = 150
"""Statements, those included that the server makes meanwhile of its own accord: there are about 60."""
PAGE_BOUND = 10
"""The same for a page of a room's timeline, which takes two."""


@pytest.fixture
async def server(tmp_path: Path, postgres_server: PostgresServer) -> AsyncIterator[Homeserver]:
    """One that nobody else asks for anything, on the engine that takes many keys in one query."""
    name = postgres_server.create_database()
    async with homeserver(tmp_path, postgres_server.url(name)) as server:
        yield server
    postgres_server.drop_database(name)


@pytest.fixture
async def client(server: Homeserver) -> AsyncIterator[Client]:
    async with Client(server.url, shared_secret=server.shared_secret) as client:
        yield client


async def _crowd(server: Homeserver, room: str, members: int) -> None:
    """Let many join who have nothing else to do."""
    rooms = server.core.services[ROOMS]
    joins = (Join(user_id=UserId(f"@crowd-{n}:{server.server_name}"), content={}) for n in range(members))
    await asyncio.gather(*(rooms.join(RoomId(room), join) for join in joins))


async def _settled(server: Homeserver) -> None:
    """Return when what follows from all that has happened is done."""
    core = server.core
    async with asyncio.timeout(PATIENCE):
        for plugin in core.installed.values():
            while not await FeedWatch(plugin, core.db, core.clock).caught_up(PATIENCE):
                """Far behind: nobody is made to wait for it."""


async def _listener(client: Client, room: str) -> tuple[User, str]:
    """A member with keys who has seen everything, and where they go on."""
    user = await client.register()
    await user.join(room)
    await publish(user)
    return user, (await user.sync()).next_batch


async def test_to_join_a_large_room_and_to_see_somebody_do_so(server: Homeserver, client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room(preset="public_chat")
    listener, since = await _listener(client, room)
    await _crowd(server, room, MEMBERS)
    newcomer = await client.register()
    await publish(newcomer)
    token = (await newcomer.sync()).next_batch
    since = (await listener.sync(since)).next_batch
    await _settled(server)

    with counted(server.core.db) as statements:
        await newcomer.join(room)
        await newcomer.sync_until(lambda sync: room in sync.rooms(), token)
        await listener.sync_until(lambda sync: changed(sync, newcomer), since)

    assert len(await newcomer.joined_members(room)) == MEMBERS + 3
    assert 0 < len(statements) <= BOUND, "\n".join(statements)


async def test_a_new_device_of_somebody_who_is_in_many_rooms(server: Homeserver, client: Client) -> None:
    alice = await client.register()
    for _ in range(ROOMS_OF_ONE // 5):
        rooms = await asyncio.gather(*(alice.create_room(preset="public_chat") for _ in range(5)))
    listener, since = await _listener(client, rooms[0])
    token = (await alice.sync()).next_batch
    await _settled(server)

    with counted(server.core.db) as statements:
        phone = await client.login(alice.localpart)
        await publish(phone)
        await listener.sync_until(lambda sync: changed(sync, alice), since)
        await alice.sync_until(lambda sync: changed(sync, alice), token)

    assert len((await alice.request("GET", "/joined_rooms"))["joined_rooms"]) == ROOMS_OF_ONE
    assert 0 < len(statements) <= BOUND, "\n".join(statements)


async def test_a_page_of_messages(server: Homeserver, client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    texts = [f"message {n}" for n in range(100)]
    for text in texts:
        await alice.send_text(room, text)
    await bob.messages(room, limit="100")  # what there is to learn of the room's state
    await _settled(server)

    with counted(server.core.db) as statements:
        page = await bob.messages(room, limit="100")

    assert [event["content"]["body"] for event in reversed(page["chunk"])] == texts
    assert 0 < len(statements) <= PAGE_BOUND, "\n".join(statements)
