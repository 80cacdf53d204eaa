"""What other plugins add to `/sync`, by the example of one that says greetings."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hs_core.plugin.discovery import discover
from hs_core.testing.client import Client
from hs_core.testing.homeserver import homeserver
from hs_core.testing.sync import Sync
from tests.plugins.sync import greetings
from tests.plugins.sync.greetings import Greeting, Host

NEEDED = ("rooms", "directory", "login", "profile", "client", "sync")
"""Plugins without sections of their own, which would wake clients when they see fit."""


@asynccontextmanager
async def _server(folder: Path) -> AsyncIterator[tuple[Client, Host]]:
    installed = discover().plugins
    plugins = [*(installed[name] for name in installed if name in NEEDED), greetings.plugin]
    async with (
        homeserver(folder, f"sqlite:///{folder}/hs.db", plugins=plugins) as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        yield client, greetings.hosts[-1]


def _texts(sync: Sync) -> list[str]:
    return [event["content"]["text"] for event in sync.get("account_data", {}).get("events", [])]


async def test_a_section_wakes_those_whom_it_concerns_and_tells_them_once(tmp_path: Path) -> None:
    async with _server(tmp_path) as (client, host):
        alice, bob = await client.register("alice"), await client.register("bob")
        since = {user: (await user.sync()).next_batch for user in (alice, bob)}
        waiting = {user: asyncio.create_task(user.sync(since[user], timeout=5_000)) for user in (alice, bob)}
        await host.greet(Greeting(bob.user_id, "hi bob"))

        told = await waiting[bob]
        assert _texts(told) == ["hi bob"]
        assert not waiting[alice].done()
        assert _texts(await bob.sync(told.next_batch)) == []
        await host.greet(Greeting(alice.user_id, "hi alice"))
        assert _texts(await waiting[alice]) == ["hi alice"]


async def test_a_row_for_a_room_concerns_its_members(tmp_path: Path) -> None:
    async with _server(tmp_path) as (client, host):
        alice = await client.register("alice")
        room = await alice.create_room()
        since = (await alice.sync()).next_batch
        waiting = asyncio.create_task(alice.sync(since, timeout=5_000))
        await host.greet(Greeting(room, "hi all"))

        sync = await waiting
        assert [event["content"] for event in sync.events(room, "ephemeral")] == [{"text": "hi all"}]
        assert sync.timeline(room) == []
        nothing = {"room": {"ephemeral": {"not_types": ["org.example.*"]}}}
        assert "rooms" not in await alice.sync(since, filter=nothing)


async def test_a_reader_that_stops_early_goes_on_where_it_stopped(tmp_path: Path) -> None:
    async with _server(tmp_path) as (client, host):
        alice = await client.register("alice")
        since = (await alice.sync()).next_batch
        await host.greet(*(Greeting(alice.user_id, str(number)) for number in range(5)))

        told = []
        for _ in range(3):
            sync = await alice.sync(since, timeout=5_000)
            told.append(_texts(sync))
            since = sync.next_batch
        assert told == [["0", "1"], ["2", "3"], ["4"]]


async def test_what_is_told_every_time_is_no_reason_to_answer(tmp_path: Path) -> None:
    async with _server(tmp_path) as (client, host):
        alice = await client.register("alice")
        since = (await alice.sync()).next_batch
        await host.greet(Greeting("@nobody:hs.test", "psst"))

        sync = await alice.sync(since, timeout=30)
        assert sync["greetings_count"] == 1
        assert greetings.readers[-1].asked[-1].user_id == alice.user_id


async def test_a_token_from_before_the_plugin_was_there_is_still_good(tmp_path: Path) -> None:
    async with _server(tmp_path) as (client, host):
        alice = await client.register("alice")
        since = (await alice.sync()).next_batch
        await host.greet(Greeting(alice.user_id, "hi"))
        before = since.rpartition("_")[0]

        assert _texts(await alice.sync(before)) == ["hi"]
        assert _texts(await alice.sync(since + "_unknown7")) == ["hi"]
