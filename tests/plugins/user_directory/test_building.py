"""Who is found of what was there before the plugin was, what came from other servers, and what happened meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hs_core.matrix.identifiers import UserId
from hs_core.matrix.room_version import V11
from hs_core.plugin.discovery import discover
from hs_core.testing.client import Client, User
from hs_core.testing.homeserver import Homeserver, homeserver
from hs_plugins.user_directory import rooms
from tests.plugins.rooms.world import World
from tests.plugins.user_directory.acts import SEARCH, call, search

PATIENCE = 20
PLUGINS = [
    replace(plugin, tasks=[replace(task, every=timedelta(milliseconds=50)) for task in plugin.tasks])
    if plugin.name == "user_directory"
    else plugin
    for plugin in discover().plugins.values()
]
"""Its task does not keep a test waiting."""
WITHOUT = [name for name in discover().plugins if name != "user_directory"]
CAROL = UserId("@carol:remote.test")
DAVE = UserId("@dave:remote.test")


@asynccontextmanager
async def served(
    folder: Path, url: str, active: Sequence[str] | None = None, **settings: Any
) -> AsyncIterator[tuple[Homeserver, Client]]:
    wanted: Mapping[str, Any] = {"plugins": {"user_directory": settings}} if settings else {}
    async with (
        homeserver(folder, url, active=active, settings=wanted, plugins=PLUGINS) as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        yield server, client


async def until(user: User, term: str, expected: Callable[[list[str]], bool]) -> list[str]:
    """Who is found once that is as expected: what happened while nobody was there is taken in before long."""
    async with asyncio.timeout(PATIENCE):
        while not expected(found := await search(user, term)):
            """Not yet."""
    return found


async def test_what_was_there_before_is_taken_in_and_so_is_what_happens_while_nobody_looks(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "MEMBERS_AT_ONCE", 2)
    monkeypatch.setattr(rooms, "MOST_CHANGES", 3)
    async with served(tmp_path, database_url, WITHOUT) as (_, client):
        alice, bob, gone = [await client.register(name) for name in ("alice", "bob", "gone")]
        others = [await client.register(f"other{number}") for number in range(7)]
        await call(bob, "Robert")
        room = await alice.create_room(preset="public_chat")
        for user in (bob, gone, *others):
            await user.join(room)
        await gone.leave(room)
        await others[0].leave(room)
        assert await alice.error("POST", SEARCH, json={"search_term": "robert"}) == (404, "M_UNRECOGNIZED")

    async with served(tmp_path, database_url) as (_, client):
        alice = alice.at(client)
        assert await until(alice, "robert", bool) == [bob.user_id]
        assert await until(alice, "other", bool) == [user.user_id for user in others[1:]]
        assert await search(alice, "gone") == []

    async with served(tmp_path, database_url, WITHOUT) as (_, client):
        await call(bob.at(client), "Bert")
        for user in others[1:6]:
            await user.at(client).leave(room)
        await gone.at(client).join(room)

    async with served(tmp_path, database_url) as (_, client):
        alice = alice.at(client)
        assert await until(alice, "bert", bool) == [bob.user_id]
        assert await until(alice, "gone", bool) == [gone.user_id]
        assert await search(alice, "robert") == []
        assert await search(alice, "other") == [others[6].user_id]


async def test_a_server_may_let_everybody_find_everybody(tmp_path: Path, database_url: str) -> None:
    async with served(tmp_path, database_url, WITHOUT) as (_, client):
        old, retired = await client.register("old"), await client.register("retired")
        await _deactivate(retired)
    async with served(tmp_path, database_url, search_all_users=True) as (_, client):
        new, leaver = await client.register("new"), await client.register("leaver")
        old = old.at(client)
        await call(leaver, "Leaver")
        assert await search(old, "new") == [new.user_id]
        assert await search(new, "leaver") == [leaver.user_id]
        await _deactivate(leaver)
        assert await search(new, "leaver") == []

        assert await until(new, "old", bool) == [old.user_id]
        assert await search(new, "retired") == []


async def _deactivate(user: User) -> None:
    identifier = {"type": "m.id.user", "user": user.user_id}
    auth = {"type": "m.login.password", "identifier": identifier, "password": user.password}
    await user.request("POST", "/account/deactivate", json={"auth": auth})


async def test_users_of_other_servers_are_found_under_the_names_of_public_rooms(
    tmp_path: Path, database_url: str
) -> None:
    async with served(tmp_path, database_url) as (server, client):
        alice, bob = await client.register("anne"), await client.register("bob")
        public, private = await World.begin(server, V11), await World.begin(server, V11)
        public.dag.join(CAROL)
        public.dag.profile(CAROL, "Caro\0line")
        public.dag.member(DAVE, "join", by=DAVE, content={"displayname": ["no"], "avatar_url": 5})
        await public.deliver()
        assert await search(bob, "caroline") == []

        await alice.join(public.dag.room_id)
        answer = await bob.request("POST", SEARCH, json={"search_term": "caroline"})
        assert answer["results"] == [{"user_id": CAROL, "display_name": "Caroline"}]
        assert await search(bob, "dave") == [DAVE]

        await alice.join(private.dag.room_id)
        private.dag.join_rules("invite")
        private.dag.invite(CAROL)
        private.dag.member(CAROL, "join", by=CAROL, content={"displayname": "Agent"})
        await private.deliver()
        assert await search(bob, "agent") == []
        assert await search(alice, "agent") == []
        assert await search(alice, "caroline") == [CAROL]

        await alice.leave(public.dag.room_id)
        assert await search(bob, "dave") == []
