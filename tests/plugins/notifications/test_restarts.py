"""Counts outlive the process: stopped, killed, or behind what the streams have by then."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hs_core.matrix.identifiers import UserId
from hs_core.testing.client import Client, User
from hs_core.testing.homeserver import homeserver
from hs_plugins.notifications.api import NOTIFICATIONS, NOTIFICATIONS_READ, Badge, NotificationRow
from tests.embedded.running import HsRun, hs_run
from tests.plugins.notifications.acts import (
    PER_THREAD,
    counts,
    in_thread,
    listed,
    mention,
    reads,
    room_of,
    thread_counts,
    unread,
)

ROUNDS = 3


@asynccontextmanager
async def served(folder: Path, url: str) -> AsyncIterator[Client]:
    async with (
        homeserver(folder, url) as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        yield client


async def test_counts_by_thread_are_exact_after_a_restart(tmp_path: Path, database_url: str) -> None:
    async with served(tmp_path, database_url) as client:
        alice, bob = await client.register(), await client.register()
        room = await room_of(alice, bob)
        root = await mention(alice, room, bob)
        threaded = [await in_thread(alice, room, root) for _ in range(3)]
        await alice.send_text(room, "main")
        since = (await bob.sync(filter=PER_THREAD)).next_batch

    async with served(tmp_path, database_url) as client:
        alice, bob = alice.at(client), bob.at(client)
        told = await bob.sync(filter=PER_THREAD)
        assert (counts(told, room), thread_counts(told, room)) == ((2, 1), {root: (3, 0)})

        await reads(bob, room, threaded[1], thread_id=root)
        told = await bob.sync_until(lambda sync: counts(sync, room), since, filter=PER_THREAD)
        assert (counts(told, room), thread_counts(told, room)) == ((2, 1), {root: (1, 0)})
        await in_thread(alice, room, root)

    async with served(tmp_path, database_url) as client:
        bob = bob.at(client)
        told = await bob.sync(since, filter=PER_THREAD)
        assert (counts(told, room), thread_counts(told, room)) == ((2, 1), {root: (2, 0)})
        assert [one["read"] for one in await listed(bob)] == [False, False, False, True, True, False]


async def test_a_client_that_was_away_is_told_what_another_device_has_read(tmp_path: Path, database_url: str) -> None:
    async with served(tmp_path, database_url) as client:
        alice, bob = await client.register(), await client.register()
        phone = await client.login(bob.user_id)
        room, quiet = await room_of(alice, bob), await room_of(alice, bob)
        event = await alice.send_text(room, "hi")
        since = (await phone.sync()).next_batch
        await reads(bob, room, event, "m.read.private")

    async with served(tmp_path, database_url) as client:
        told = await phone.at(client).sync(since)
        assert counts(told, room) == (0, 0)
        assert quiet not in told.rooms()


async def test_neither_kills_nor_restarts_lose_or_double_a_count(tmp_path: Path) -> None:
    async with hs_run(tmp_path) as server:
        async with server.client() as client:
            alice, bob = await client.register(), await client.register()
            room = await room_of(alice, bob)
        said: set[str] = set()
        for _ in range(ROUNDS):
            await _talk_until_killed(server, alice, room, said)
            await server.start()
            async with server.client() as client:
                there = await alice.at(client).messages(room, limit="1000")
                texts = [event for event in there["chunk"] if event["type"] == "m.room.message"]
                assert said <= {event["event_id"] for event in texts}
                assert await unread(bob.at(client), room) == (len(texts), 0)
                first, *rest = [one["event"]["event_id"] for one in await _all_listed(bob.at(client))]
                assert {first, *rest} == {event["event_id"] for event in texts}
                assert len(rest) + 1 == len(texts)
        async with server.client() as client:
            await reads(bob.at(client), room, first)
            assert await unread(bob.at(client), room) == (0, 0)
        await server.kill()
        await server.start()
        async with server.client() as client:
            assert await unread(bob.at(client), room) == (0, 0)
        assert await server.stop() == 0
        assert server.log.read_text() == "", "nothing to repair, nothing to warn of"


async def test_the_stream_says_whom_to_push_to_and_the_tables_say_it_again(tmp_path: Path, database_url: str) -> None:
    async with (
        homeserver(tmp_path, database_url) as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        alice, bob, carol = await client.register(), await client.register(), await client.register()
        room = await room_of(alice, bob, carol)
        event = await mention(alice, room, bob)
        await listed(bob)

        rows = await server.core.db.read(lambda tx: NOTIFICATIONS.load(tx, 0, 2**62, 100))
        (found,) = [one for _, row in rows for one in row.events if one.event_id == event]
        assert {user: told.highlight for told in found.told for user in told.users} == {
            bob.user_id: True,
            carol.user_id: False,
        }
        badge = await server.core.read_sides[NOTIFICATIONS_READ].badge(UserId(carol.user_id))
        assert badge == Badge(notifications=1, rooms=1)


async def test_the_stream_says_who_has_read_and_the_tables_say_it_again(tmp_path: Path, database_url: str) -> None:
    async with (
        homeserver(tmp_path, database_url) as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        followed: list[tuple[int, NotificationRow]] = []
        follower = server.core.follower(NOTIFICATIONS)
        follower.subscribe(lambda batch: followed.extend(batch.rows))
        alice, bob, carol = await client.register(), await client.register(), await client.register()
        room, other = await room_of(alice, bob, carol), await room_of(alice, bob)
        events = [await alice.send_text(room, "one"), await alice.send_text(other, "two")]
        await listed(bob)
        await reads(bob, room, events[0])
        await carol.send_text(room, "three")
        await listed(bob)
        await listed(carol)

        rows = await server.core.db.read(lambda tx: NOTIFICATIONS.load(tx, 0, 2**62, 100))
        first = await server.core.db.read(lambda tx: NOTIFICATIONS.load(tx, 0, 2**62, 1))
        rest = await server.core.db.read(lambda tx: NOTIFICATIONS.load(tx, first[0][0], 2**62, 100))
    assert sorted(user for _, row in rows for user in row.read) == sorted([bob.user_id, carol.user_id])
    assert rows == [*first, *rest]
    assert [(at, row.ts, row.read) for at, row in rows] == [(at, row.ts, row.read) for at, row in followed]


async def test_an_erased_account_is_forgotten(tmp_path: Path, database_url: str) -> None:
    async with (
        homeserver(tmp_path, database_url) as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        alice, bob = await client.register(), await client.register()
        await alice.send_text(await room_of(alice, bob), "hi")
        assert len(await listed(bob)) == 1
        auth = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": bob.user_id}}
        body = {"auth": {**auth, "password": bob.password}, "erase": True}

        await bob.request("POST", "/account/deactivate", json=body)

        badge = await server.core.read_sides[NOTIFICATIONS_READ].badge(UserId(bob.user_id))
        assert badge == Badge(notifications=0, rooms=0)
        rows = await server.core.db.read(lambda tx: NOTIFICATIONS.load(tx, 0, 2**62, 100))
        told = {user for _, row in rows for event in row.events for each in event.told for user in each.users}
        assert bob.user_id not in told


async def _talk_until_killed(server: HsRun, alice: User, room: str, said: set[str]) -> None:
    async with server.client() as client:
        enough = asyncio.Event()
        talk = _talk(alice.at(client), room, said, len(said) + random.randrange(3, 30), enough)
        talking = asyncio.create_task(talk)
        talking.add_done_callback(lambda _: enough.set())  # should it fail, it is not waited for
        await enough.wait()
        await server.kill()
        await asyncio.wait([talking])
        talking.exception()  # a connection that was cut, as it had to be


async def _talk(alice: User, room: str, said: set[str], wanted: int, enough: asyncio.Event) -> None:
    while True:
        said.add(await alice.send_text(room, f"message {len(said)}"))
        if len(said) >= wanted:
            enough.set()


async def _all_listed(user: User) -> list[dict[str, dict[str, str]]]:
    found, query = [], {"limit": "50"}
    while True:
        page = await user.request("GET", "/notifications", params=query)
        found += page["notifications"]
        if "next_token" not in page:
            return found
        query["from"] = page["next_token"]
