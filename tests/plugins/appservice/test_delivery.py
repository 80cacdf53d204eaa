"""That nothing is lost, repeated or changed: a service that is away, a server that restarts, processes that die."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hs_core.clock import Clock
from hs_core.testing.client import Client
from hs_core.testing.clock import TestClock
from hs_core.testing.deployment import Deployment, deployed
from hs_core.testing.homeserver import homeserver
from hs_core.testing.http import Json
from hs_core.testing.postgres import PostgresServer
from hs_core.testing.redis import run_redis
from tests.plugins.appservice.bridges import Bridge, Puppet, puppet, running
from tests.plugins.appservice.conftest import APART

TRANSACTIONS = "/_matrix/app/v1/transactions/"
FATES = [(act, victim) for act in ("freeze", "kill") for victim in ("bridges-0", "bridges-1")]


@asynccontextmanager
async def served(
    folder: Path, database_url: str, *bridges: Bridge, clock: Clock | None = None
) -> AsyncIterator[Client]:
    """A server with these services."""
    settings = {"appservices": [bridge.write(folder) for bridge in bridges]}
    async with (
        homeserver(folder, database_url, settings=settings, clock=clock) as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        yield client


async def test_what_is_not_taken_comes_again_unchanged_and_the_rest_after_it(tmp_path: Path, database_url: str) -> None:
    bridge = Bridge()
    async with running(bridge), served(tmp_path, database_url, bridge) as client:
        bot = await puppet(client, bridge, "bot")
        room = await bot.create_room()
        await bot.send_text(room, "before")
        await bridge.hears("before")
        bridge.status = 500
        bridge.told.clear()
        await bot.send_text(room, "first")
        await bridge.until(lambda: len(bridge.asked(TRANSACTIONS)) > 0)
        await bot.send_text(room, "second")
        await bridge.until(lambda: len(bridge.asked(TRANSACTIONS)) > 1)
        bridge.status = 200
        await bridge.hears("second")

        (again, *rest), count = bridge.asked(TRANSACTIONS), len(bridge.taken)

        assert [(each.path, each.body) for each in rest[:-1]] == [(again.path, again.body)] * (len(rest) - 1)
        assert rest[-1].path != again.path
        assert bridge.texts == ["before", "first", "second"]
        assert len({each["id"] for each in bridge.taken}) == count


async def test_a_restart_loses_nothing_and_changes_nothing(tmp_path: Path, database_url: str) -> None:
    bridge = Bridge()
    async with running(bridge):
        bridge.status = 503
        async with served(tmp_path, database_url, bridge) as client:
            bot = await puppet(client, bridge, "bot")
            room = await bot.create_room()
            await bridge.until(lambda: len(bridge.asked(TRANSACTIONS)) > 0)
            await bot.send_text(room, "while it is busy")
        (first, *_) = bridge.asked(TRANSACTIONS)
        bridge.told.clear()
        bridge.status = 200
        async with served(tmp_path, database_url, bridge) as client:
            await bridge.hears("while it is busy")

        (again, *_) = bridge.asked(TRANSACTIONS)
        assert (again.path, again.body) == (first.path, first.body)
        events = [each["event_id"] for each in bridge.events]
        assert len(events) == len(set(events))
        assert bridge.events[0]["type"] == "m.room.create"


async def test_a_service_that_is_away_keeps_no_other_waiting(tmp_path: Path, database_url: str) -> None:
    away, there = Bridge(), Bridge()
    async with running(away, there), served(tmp_path, database_url, away, there) as client:
        await away.go()
        one, other = await puppet(client, away, "one"), await puppet(client, there, "other")
        room = await other.create_room(preset="public_chat")
        await one.join(room)
        for number in range(20):
            await one.send_text(room, f"number {number}")
        await there.hears("number 19")
        assert away.taken == []

        await away.come()
        await away.hears("number 19")

        assert [text for text in away.texts if text] == [f"number {number}" for number in range(20)]


async def test_a_service_that_is_new_is_told_what_happens_from_now_on(tmp_path: Path, database_url: str) -> None:
    old, new = (
        Bridge(),
        Bridge(namespaces={"users": [], "aliases": [], "rooms": [{"exclusive": False, "regex": "!.*"}]}),
    )
    async with running(old, new):
        async with served(tmp_path, database_url, old) as client:
            bot = await puppet(client, old, "bot")
            room = await bot.create_room()
            await bot.send_text(room, "long ago")
            await old.hears("long ago")
        async with served(tmp_path, database_url, old, new) as client:
            bot = await puppet(client, old, "bot")
            await bot.send_text(room, "now")
            await new.hears("now")
            await old.hears("now")

        assert new.texts == ["now"]
        assert old.texts == ["long ago", "now"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_a_service_that_says_it_is_there_need_not_wait(tmp_path: Path, database_url: str) -> None:
    bridge, clock = Bridge(), TestClock()
    async with running(bridge), served(tmp_path, database_url, bridge, clock=clock) as client:
        bot = await puppet(client, bridge, "bot")
        await clock.advance(1)
        bridge.status = 500
        room = await bot.create_room()
        await bridge.until(lambda: len(bridge.asked(TRANSACTIONS)) > 0)
        bridge.status = 200
        await bot.request("POST", f"/_matrix/client/v1/appservice/{bridge.name}/ping", json={})
        await bridge.until(lambda: len(bridge.taken) > 0)  # while the clock stands still

        assert bridge.events[0]["room_id"] == room


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_a_service_of_old_is_found_at_its_old_routes(tmp_path: Path, database_url: str) -> None:
    bridge = Bridge()
    bridge.unknown = {"/_matrix/app"}
    async with running(bridge), served(tmp_path, database_url, bridge) as client:
        bot = await puppet(client, bridge, "bot")
        room = await bot.create_room()
        await bot.send_text(room, "hello")
        await bridge.until(lambda: "hello" in str([each.body for each in bridge.asked("/transactions/")]))

        assert {each.query["access_token"] for each in bridge.asked("/transactions/")} == {
            bridge.registration["hs_token"]
        }
        assert bridge.texts == ["hello"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_a_service_without_an_address_is_asked_nothing_and_may_ask(tmp_path: Path, database_url: str) -> None:
    bridge = Bridge()
    async with served(tmp_path, database_url, bridge) as client:
        bot = await puppet(client, bridge, "bot")
        room = await bot.create_room()
        await bot.send_text(room, "to myself")
        where = f"/_matrix/client/v1/appservice/{bridge.name}/ping"

        assert await bot.error("POST", where, json={}) == (400, "M_URL_NOT_SET")


async def test_whichever_process_dies_all_is_told_once_and_in_order(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    bridge, database = Bridge(), postgres_server.create_database()
    with run_redis() as redis:
        async with running(bridge):
            files = [bridge.write(tmp_path)]
            cluster = deployed(tmp_path, postgres_server.url(database), redis.url(), APART, appservices=files)
            async with cluster as deployment, deployment.client("edge") as client:
                bot = await puppet(client, bridge, "bot")
                room = await bot.create_room()
                for act, victim in FATES:
                    await _survive(deployment, (act, victim), bridge, bot, room)
    assert bridge.texts == [f"{act} {victim} {number}" for act, victim in FATES for number in range(30)]
    bodies: dict[str, Json] = {}
    for told in bridge.asked(TRANSACTIONS):
        assert bodies.setdefault(told.path, told.body) == told.body
    postgres_server.drop_database(database)


async def _survive(deployment: Deployment, fate: tuple[str, str], bridge: Bridge, bot: Puppet, room: str) -> None:
    """A process dies, or stands still for a while, and the service does not take what is said."""
    act, victim = fate
    bridge.status = 500
    before = len(bridge.asked(TRANSACTIONS))
    talking = asyncio.create_task(_talk(bot, room, f"{act} {victim}", 30))
    await bridge.until(lambda: len(bridge.asked(TRANSACTIONS)) > before)
    if act == "freeze":
        deployment[victim].freeze()
    else:
        await deployment[victim].kill()
    bridge.status = 200
    await talking
    await bridge.hears(f"{act} {victim} 29")
    if act == "freeze":
        deployment[victim].thaw()
    await deployment.start([victim])


async def _talk(bot: Puppet, room: str, text: str, times: int) -> None:
    for number in range(times):
        await bot.send_text(room, f"{text} {number}")
