"""Who is typing, as clients see it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hs_core.clock import Clock
from hs_core.testing.client import Client, User
from hs_core.testing.clock import TestClock
from hs_core.testing.homeserver import Homeserver, homeserver
from hs_core.testing.http import path
from hs_core.testing.sync import Sync


async def types(user: User, room: str, **body: Any) -> None:
    await user.request("PUT", path("rooms", room, "typing", user.user_id), json={"typing": True, **body})


async def stops(user: User, room: str) -> None:
    await user.request("PUT", path("rooms", room, "typing", user.user_id), json={"typing": False})


def typing(sync: Sync, room: str) -> list[list[str]]:
    """The lists of those who type, one for each `m.typing`."""
    return [event["content"]["user_ids"] for event in sync.events(room, "ephemeral") if event["type"] == "m.typing"]


async def room_of(*users: User) -> str:
    room = await users[0].create_room(preset="public_chat")
    for user in users[1:]:
        await user.join(room)
    return room


@asynccontextmanager
async def served(folder: Path, clock: Clock | None = None) -> AsyncIterator[Client]:
    async with (
        homeserver(folder, f"sqlite:///{folder}/hs.db", clock=clock) as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        yield client


async def test_members_are_told_when_somebody_begins_and_stops(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    since = (await bob.sync()).next_batch

    await types(alice, room)
    began = await bob.sync_until(lambda sync: typing(sync, room), since)
    assert typing(began, room) == [[alice.user_id]]

    await stops(alice, room)
    ended = await bob.sync_until(lambda sync: typing(sync, room), began.next_batch)
    assert typing(ended, room) == [[]]
    assert typing(await bob.sync(ended.next_batch), room) == []


async def test_saying_so_again_tells_nobody_anything(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    await types(alice, room)
    since = (await bob.sync()).next_batch

    await types(alice, room)

    assert "rooms" not in await bob.sync(since)


async def test_it_is_over_when_the_time_is_up(tmp_path: Path) -> None:
    clock = TestClock()
    async with served(tmp_path, clock) as client:
        alice, bob = await client.register("alice"), await client.register("bob")
        room = await room_of(alice, bob)
        await types(alice, room, timeout=10_000)
        since = (await bob.sync()).next_batch

        await clock.advance(6)
        await types(alice, room, timeout=10_000)
        await clock.advance(6)
        assert typing(await bob.sync(since), room) == []

        await clock.advance(6)
        assert typing(await bob.sync(since), room) == [[]]


async def test_a_shorter_time_counts_as_well(tmp_path: Path) -> None:
    clock = TestClock()
    async with served(tmp_path, clock) as client:
        alice = await client.register("alice")
        room = await room_of(alice)
        await types(alice, room, timeout=2**60)
        since = (await alice.sync()).next_batch
        await types(alice, room, timeout=1_000)

        await clock.advance(2)

        assert typing(await alice.sync(since), room) == [[]]


async def test_nobody_types_for_ever(tmp_path: Path) -> None:
    clock = TestClock()
    async with served(tmp_path, clock) as client:
        alice = await client.register("alice")
        room = await room_of(alice)
        await types(alice, room, timeout=2**60)
        since = (await alice.sync()).next_batch

        await clock.advance(121)

        assert typing(await alice.sync(since), room) == [[]]


async def test_an_initial_sync_shows_who_types_now_and_where_nobody_does_any_more(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    busy, quiet, silent = await room_of(alice, bob), await room_of(alice, bob), await room_of(alice, bob)
    await types(bob, busy)
    await types(alice, busy)
    await types(alice, quiet)
    await stops(alice, quiet)

    sync = await bob.sync()

    assert typing(sync, busy) == [[bob.user_id, alice.user_id]]
    assert typing(sync, quiet) == [[]]
    assert typing(sync, silent) == []


async def test_a_gapped_sync_shows_it_once(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    since = (await bob.sync()).next_batch
    await types(alice, room)
    await stops(alice, room)
    await types(alice, room)
    for n in range(15):
        await alice.send_text(room, f"filler {n}")

    sync = await bob.sync(since)

    assert sync.rooms()[room]["timeline"]["limited"]
    assert typing(sync, room) == [[alice.user_id]]


async def test_who_joins_sees_who_types(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice)
    await types(alice, room)
    since = (await bob.sync()).next_batch
    assert "rooms" not in await bob.sync(since)

    await bob.join(room)

    assert typing(await bob.sync(since), room) == [[alice.user_id]]


async def test_who_leaves_types_no_more(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    await types(bob, room)
    since = (await alice.sync()).next_batch

    await bob.leave(room)

    told = await alice.sync_until(lambda sync: typing(sync, room), since)
    assert typing(told, room) == [[]]


async def test_a_filter_keeps_it_out(client: Client) -> None:
    alice = await client.register()
    room = await room_of(alice)
    since = (await alice.sync()).next_batch
    await types(alice, room)

    assert "rooms" not in await alice.sync(since, filter={"room": {"ephemeral": {"not_types": ["m.typing"]}}})


async def test_after_a_restart_clients_are_told_that_it_is_over_where_they_look(tmp_path: Path) -> None:
    async with served(tmp_path) as client:
        alice, bob = await client.register("alice"), await client.register("bob")
        talked, stopped = await room_of(alice, bob), await room_of(alice, bob)
        await types(alice, talked)
        await types(alice, stopped)
        since = (await bob.sync()).next_batch

    async with served(tmp_path) as client:
        alice, bob = await client.login("alice"), await client.login("bob")
        assert typing(await bob.sync(since), talked) == []
        later = await bob.sync(since)
        await alice.send_text(talked, "I am back")
        assert typing(await bob.sync(since), talked) == [[]]
        await stops(alice, stopped)
        assert typing(await bob.sync(later.next_batch), stopped) == [[]]
        await types(alice, stopped)
        assert typing(await bob.sync(later.next_batch), stopped) == [[alice.user_id]]


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({}, (400, "M_MISSING_PARAM")),
        ({"typing": "yes"}, (400, "M_BAD_JSON")),
        ({"typing": True, "timeout": "long"}, (400, "M_BAD_JSON")),
        ({"typing": True, "timeout": -1}, (400, "M_INVALID_PARAM")),
        ([], (400, "M_BAD_JSON")),
    ],
)
async def test_a_body_that_is_none_is_refused(client: Client, body: Any, refusal: tuple[int, str]) -> None:
    alice = await client.register()
    room = await room_of(alice)

    assert await alice.error("PUT", path("rooms", room, "typing", alice.user_id), json=body) == refusal


async def test_a_number_without_end_is_no_harm(client: Client) -> None:
    alice = await client.register()
    room = await room_of(alice)
    body = b'{"typing": true, "timeout": 1%b}' % (b"0" * 100)

    answer = await alice.answer("PUT", path("rooms", room, "typing", alice.user_id), data=body)

    assert answer.status in {200, 400}


async def test_one_types_for_oneself_and_where_one_is(client: Client, server: Homeserver) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice)
    body = {"typing": True}

    for who, whose in ((alice, bob), (bob, alice), (bob, bob)):
        refused = await who.error("PUT", path("rooms", room, "typing", whose.user_id), json=body)
        assert refused == (403, "M_FORBIDDEN")
    nowhere = path("rooms", "!nowhere:hs.test", "typing", alice.user_id)
    assert await alice.error("PUT", nowhere, json=body) == (403, "M_FORBIDDEN")
    assert (await alice.error("PUT", path("rooms", "nonsense", "typing", alice.user_id), json=body))[0] == 400
