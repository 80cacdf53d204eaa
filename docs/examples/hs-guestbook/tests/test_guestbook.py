"""The plugin as users see it: over HTTP, on a real server, on both database engines."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hs_core.clock import Clock
from hs_core.testing.client import Client, User
from hs_core.testing.clock import TestClock
from hs_core.testing.homeserver import homeserver


@asynccontextmanager
async def served(folder: Path, url: str, clock: Clock | None = None, **section: Any) -> AsyncIterator[Client]:
    """A client of a server on which everything that is installed is active; `section` is the plugin's configuration."""
    settings = {"plugins": {"guestbook": section}}
    async with (
        homeserver(folder, url, settings=settings, clock=clock) as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        yield client


def book(owner: User) -> str:
    return f"/_guestbook/v1/{owner.user_id}"


async def texts(reader: User, owner: User, query: str = "") -> list[str]:
    page = await reader.request("GET", f"{book(owner)}/entries{query}")
    return [entry["text"] for entry in page["entries"]]


async def test_a_book_shows_the_newest_entry_of_each_author_first(tmp_path: Path, database_url: str) -> None:
    async with served(tmp_path, database_url) as client:
        alice, bob, carol = [await client.register(name) for name in ("alice", "bob", "carol")]
        for author, text in ((bob, "Hello"), (carol, "Lovely place"), (bob, "Hello again")):
            await author.request("PUT", f"{book(alice)}/entry", json={"text": text})

        assert await texts(alice, alice) == ["Hello again", "Lovely place"]
        page = await alice.request("GET", f"{book(alice)}/entries?limit=1")
        assert await texts(alice, alice, f"?before={page['next']}") == ["Lovely place"]


async def test_the_owners_clients_are_told(tmp_path: Path, database_url: str) -> None:
    async with served(tmp_path, database_url) as client:
        alice, bob = await client.register("alice"), await client.register("bob")
        since = (await alice.sync()).next_batch
        await bob.request("PUT", f"{book(alice)}/entry", json={"text": "Hello"})

        told = await alice.sync_until(lambda sync: "org.example.guestbook" in sync, since)

        assert [entry["text"] for entry in told["org.example.guestbook"]["entries"]] == ["Hello"]
        assert "org.example.guestbook" not in await alice.sync(told.next_batch)
        assert "org.example.guestbook" not in await bob.sync()


async def test_who_has_not_signed_cannot_invite(tmp_path: Path, database_url: str) -> None:
    async with served(tmp_path, database_url, sign_before_invite=True) as client:
        alice, bob = await client.register("alice"), await client.register("bob")
        room = await bob.create_room()
        invite = {"user_id": alice.user_id}

        assert await bob.error("POST", f"/rooms/{room}/invite", json=invite) == (403, "M_FORBIDDEN")
        await bob.request("PUT", f"{book(alice)}/entry", json={"text": "May I?"})
        await bob.invite(room, alice.user_id)


async def test_old_entries_are_forgotten(tmp_path: Path, database_url: str) -> None:
    clock = TestClock()
    async with served(tmp_path, database_url, clock, keep="30m") as client:
        alice, bob = await client.register("alice"), await client.register("bob")
        await alice.request("PUT", f"{book(alice)}/entry", json={"text": "First!"})
        await clock.advance(40 * 60)
        await bob.request("PUT", f"{book(alice)}/entry", json={"text": "Second"})
        await clock.advance(20 * 60)

        async with asyncio.timeout(10):
            while "First!" in (left := await texts(alice, alice)):
                pass
        assert left == ["Second"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"text": "far too long"}, (400, "M_INVALID_PARAM")),
        ({"text": ""}, (400, "M_INVALID_PARAM")),
        ({"text": "a\0b"}, (400, "M_INVALID_PARAM")),
        ({"text": 7}, (400, "M_BAD_JSON")),
        ({}, (400, "M_MISSING_PARAM")),
    ],
)
async def test_what_is_no_entry_is_refused(
    tmp_path: Path, database_url: str, body: dict[str, Any], refusal: tuple[int, str]
) -> None:
    async with served(tmp_path, database_url, max_length=10) as client:
        alice = await client.register("alice")

        assert await alice.error("PUT", f"{book(alice)}/entry", json=body) == refusal
        assert await texts(alice, alice) == []


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_only_users_of_this_server_have_a_book(tmp_path: Path, database_url: str) -> None:
    async with served(tmp_path, database_url) as client:
        alice = await client.register("alice")
        for nobody in ("@nobody:hs.test", "@alice:elsewhere.test"):
            refusal = await alice.error("PUT", f"/_guestbook/v1/{nobody}/entry", json={"text": "Hello"})
            assert refusal == (404, "M_NOT_FOUND")
