"""Tokens outlive the process, and a process that stops leaves nobody waiting."""

import asyncio
from pathlib import Path

from hs_core.testing.client import Client, User
from hs_core.testing.homeserver import homeserver


async def test_a_client_goes_on_where_it_was_after_a_restart(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/hs.db"
    async with homeserver(tmp_path, url) as server, Client(server.url, shared_secret=server.shared_secret) as client:
        alice = await client.register("alice")
        room = await alice.create_room()
        await alice.send_text(room, "told")
        since = (await alice.sync()).next_batch
        await alice.send_text(room, "not told")
        login = alice.login
    async with homeserver(tmp_path, url) as server, Client(server.url) as client:
        alice = User(client, login, None)
        first = await alice.sync(since)
        await alice.send_text(room, "new")

        assert first.texts(room) == ["not told"]
        assert (await alice.sync(first.next_batch)).texts(room) == ["new"]


async def test_who_waits_is_answered_when_the_process_drains(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/hs.db"
    async with homeserver(tmp_path, url) as server, Client(server.url, shared_secret=server.shared_secret) as client:
        alice = await client.register("alice")
        since = (await alice.sync()).next_batch
        waiting = asyncio.create_task(alice.sync(since, timeout=60_000))
        listening = asyncio.create_task(alice.request("GET", "/events", params={"from": since, "timeout": "60000"}))
        await alice.whoami()
        server.core.draining.set()

        assert "rooms" not in await waiting
        assert (await listening)["chunk"] == []
