"""What the index has: what was there before the plugin, what came from elsewhere, and nothing that is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from hs_core.cli import main
from hs_core.matrix.identifiers import EventId, RoomId, UserId
from hs_core.matrix.room_version import V11
from hs_core.plugin.discovery import discover
from hs_core.testing.client import Client, User
from hs_core.testing.homeserver import Homeserver, homeserver
from hs_core.testing.postgres import PostgresServer
from hs_core.testing.room_dag import RoomDag
from hs_plugins.rooms.api import ROOMS, ToldState
from hs_plugins.search import gathering
from tests.plugins.rooms.world import ALICE, World, pdu, told, unique_name
from tests.plugins.search.acts import find, ids, search

PATIENCE = 20
QUICK = timedelta(milliseconds=50)
PLUGINS = [
    replace(plugin, tasks=[replace(task, every=QUICK) for task in plugin.tasks])
    if plugin.name in {"search", "rooms"}
    else plugin
    for plugin in discover().plugins.values()
]
"""Their tasks do not keep a test waiting."""
WITHOUT = [plugin.name for plugin in PLUGINS if plugin.name != "search"]


@asynccontextmanager
async def served(
    folder: Path, url: str, active: Sequence[str] | None = None
) -> AsyncIterator[tuple[Homeserver, Client]]:
    async with (
        homeserver(folder, url, active=active, plugins=PLUGINS) as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        yield server, client


async def until(user: User, term: str, expected: Callable[[list[str]], bool]) -> list[str]:
    """What is found once that is as expected."""
    async with asyncio.timeout(PATIENCE):
        while not expected(found := await find(user, term)):
            """Not yet."""
    return found


async def indexed(server: Homeserver) -> set[str]:
    """The events that are in the index, whoever may see them."""
    rows = await server.core.db.read(lambda tx: tx.all("SELECT event_id FROM search_texts"))
    return {row[0] for row in rows}


async def until_indexed(server: Homeserver, expected: set[str]) -> None:
    """Return when just these are in the index."""
    async with asyncio.timeout(PATIENCE):
        while await indexed(server) != expected:
            """Not yet."""


async def test_what_was_said_while_the_plugin_was_not_there_is_found_when_it_is(
    tmp_path: Path, database_url: str
) -> None:
    async with served(tmp_path, database_url, WITHOUT) as (_, client):
        alice = await client.register("alice")
        room = await alice.create_room()
        old = [await alice.send_text(room, f"old fox {number}") for number in range(3)]
        await alice.redact(room, old.pop(0))

    async with served(tmp_path, database_url) as (_, client):
        alice = alice.at(client)
        assert await until(alice, "fox", bool) == old[::-1]

    async with served(tmp_path, database_url, WITHOUT) as (_, client):
        alice = alice.at(client)
        new = await alice.send_text(room, "new fox")
        await alice.redact(room, old.pop())

    async with served(tmp_path, database_url) as (server, client):
        assert await until(alice.at(client), "fox", lambda found: new in found) == [new, *old]
        assert await indexed(server) == {new, *old}


async def test_what_is_purged_or_redacted_leaves_the_index(tmp_path: Path, database_url: str) -> None:
    async with served(tmp_path, database_url) as (server, client):
        alice = await client.register("alice")
        room = await alice.create_room(name="fox room")
        events = [await alice.send_text(room, f"fox {number}") for number in range(6)]
        name = (await find(alice, "room"))[0]
        assert await find(alice, "fox") == [*events[::-1], name]
        assert await indexed(server) == {name, *events}

        await alice.redact(room, events[5])
        await until_indexed(server, {name, *events[:5]})
        assert await find(alice, "fox") == [*events[4::-1], name]

        await server.core.services[ROOMS].purge_history(RoomId(room), EventId(events[3]))
        await until_indexed(server, set(events[3:5]))
        assert await find(alice, "fox") == events[4:2:-1]


async def test_what_the_index_has_by_mistake_is_not_shown_and_forgotten(tmp_path: Path, database_url: str) -> None:
    async with served(tmp_path, database_url) as (server, client):
        alice = await client.register("alice")
        room = await alice.create_room()
        event = await alice.send_text(room, "fox")
        assert await find(alice, "fox") == [event]
        copy = """
            INSERT INTO search_texts (position, event_id, room_id, sender, key, room, words)
            SELECT 1000, '$gone', room_id, sender, key, room, words FROM search_texts
        """
        await server.core.db.write(lambda tx: tx.run(copy))
        found = await search(alice, "fox")
        assert (ids(found), found["count"]) == ([event], 1)
        assert await indexed(server) == {event}


async def test_history_that_comes_from_another_server_is_found(tmp_path: Path, database_url: str) -> None:
    async with served(tmp_path, database_url) as (server, client):
        alice = await client.register("local")
        keys = {server.core.server_name: server.core.signing_key}
        world = World(server, RoomDag(V11, ALICE, keys=keys, name=unique_name()))
        dag = world.dag
        early = [dag.message(f"fox {number}") for number in range(5)]
        join = dag.join(UserId(alice.user_id))
        await world.rooms.import_room(dag.room_id, told(world, join))
        late = await alice.send_text(dag.room_id, "late fox")
        assert await find(alice, "fox") == [late]

        state = tuple(dag.state_before([dag.events[one] for one in early[2].prev_events]).values())
        await world.rooms.backfill(
            dag.room_id, [pdu(event) for event in early[2:]], [ToldState(early[2].event_id, state)]
        )
        expected = {late, *(event.event_id for event in early[2:])}
        assert set(await until(alice, "fox", lambda found: len(found) == 4)) == expected

        state = tuple(dag.state_before([dag.events[one] for one in early[0].prev_events]).values())
        await world.rooms.backfill(
            dag.room_id, [pdu(event) for event in early[:2]], [ToldState(early[0].event_id, state)]
        )
        assert len(await until(alice, "fox", lambda found: len(found) == 6)) == 6


async def test_a_search_that_takes_too_long_can_be_continued(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "STRETCH", 3)
    monkeypatch.setattr(gathering, "MOST_EXAMINED", 2)
    async with served(tmp_path, database_url) as (_, client):
        alice, bob = await client.register("alice"), await client.register("bob")
        room = await alice.create_room(preset="public_chat")
        first = [await alice.send_text(room, f"fox {number}") for number in range(3)]
        hidden = {"history_visibility": "joined"}
        await bob.join(room)
        await bob.leave(room)
        await alice.send_state(room, "m.room.history_visibility", hidden)
        for number in range(7):
            await alice.send_text(room, f"hidden fox {number}")
        shown: list[str] = []
        found = await search(bob, "fox", order_by="recent")
        while "next_batch" in found:
            shown += ids(found)
            found = await search(bob, "fox", batch=found["next_batch"], order_by="recent")
        assert [*shown, *ids(found)] == first[::-1]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_the_index_moves_with_the_server(
    tmp_path: Path, database_url: str, postgres_server: PostgresServer
) -> None:
    elsewhere = postgres_server.url(postgres_server.create_database())
    back = tmp_path / "back"
    back.mkdir()
    async with served(tmp_path, database_url) as (_, client):
        alice = await client.register("alice")
        room = await alice.create_room()
        event = await alice.send_text(room, "a quick fox")
        assert await find(alice, "fox") == [event]

    assert await _copy(tmp_path, elsewhere) == 0
    async with served(tmp_path, elsewhere) as (server, client):
        assert await indexed(server) == {event}
        assert await find(alice.at(client), '"quick fox"') == [event]

    assert await _copy(tmp_path, f"sqlite:///{back}/hs.db") == 0
    async with served(tmp_path, f"sqlite:///{back}/hs.db") as (_, client):
        alice = alice.at(client)
        assert await find(alice, '"quick fox"') == [event]
        await alice.redact(room, event)
        assert await find(alice, "fox") == []


async def _copy(folder: Path, url: str) -> int:
    return await asyncio.to_thread(main, ["db", "copy", "-c", str(folder / "hs.yaml"), "--to", url])
