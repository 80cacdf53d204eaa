"""Gateways that fail, and processes that end: nothing is lost, and nothing is told for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from hs_core.clock import Clock, SystemClock
from hs_core.plugin.declaration import Plugin
from hs_core.plugin.discovery import discover
from hs_core.testing.client import Client, User
from hs_core.testing.deployment import deployed
from hs_core.testing.homeserver import homeserver
from hs_core.testing.http import Json
from hs_core.testing.postgres import PostgresServer
from hs_core.testing.redis import RedisServer
from tests.embedded.running import hs_run
from tests.plugins.notifications.acts import reads, room_of
from tests.plugins.pusher.conftest import APART, OUTBOUND
from tests.plugins.pusher.gateways import PATIENCE, PushGateway, accept, gateway, pushers, set_pusher
from tests.plugins.pusher.test_pushing import sent


class TwoDaysLater(SystemClock):
    def now_ms(self) -> int:
        return super().now_ms() + 2 * 24 * 3600 * 1000


ALONE = pytest.mark.parametrize("server", ["sqlite"], indirect=True, scope="session")


async def fail(notification: Json) -> web.Response:
    return web.Response(status=503)


async def refuse(notification: Json) -> web.Response:
    return web.Response(status=400)


@asynccontextmanager
async def served(
    folder: Path, clock: Clock | None = None, plugins: Sequence[Plugin] | None = None
) -> AsyncIterator[Client]:
    url = f"sqlite:///{folder}/hs.db"
    async with (
        homeserver(folder, url, settings=OUTBOUND, clock=clock, plugins=plugins) as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        yield client


def once_each(told: Sequence[str]) -> list[str]:
    """Without what was told a second time in a row: whoever told it died before it could be written down."""
    return [event for event, before in zip(told, [None, *told], strict=False) if event != before]


@ALONE
async def test_what_a_gateway_failed_to_take_it_is_told_again(client: Client, push_gateway: PushGateway) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    await set_pusher(alice, push_gateway.url)
    push_gateway.answer = fail
    events = [await sent(bob, room) for _ in range(3)]
    await push_gateway.until(lambda: len(push_gateway.told) >= 2)
    push_gateway.answer = accept

    await push_gateway.event(events[-1])

    assert once_each(push_gateway.events) == events
    assert push_gateway.told[-1]["counts"] == {"unread": 3}


@ALONE
async def test_what_has_been_read_meanwhile_is_not_told_any_more(client: Client, push_gateway: PushGateway) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    await set_pusher(alice, push_gateway.url)
    push_gateway.answer = fail
    first, second = [await sent(bob, room) for _ in range(2)]
    await push_gateway.event(first)
    await reads(alice, room, second)
    third = await sent(bob, room)
    push_gateway.answer = accept

    told = await push_gateway.event(third)

    assert second not in push_gateway.events
    assert told["counts"] == {"unread": 1}


@ALONE
async def test_a_notification_that_a_gateway_refuses_holds_up_no_others(
    client: Client, push_gateway: PushGateway
) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    await set_pusher(alice, push_gateway.url)
    poison = await sent(bob, room, "poison")

    async def refuse_poison(notification: Json) -> web.Response:
        return await (refuse if notification.get("event_id") == poison else accept)(notification)

    push_gateway.answer = refuse_poison
    await push_gateway.event(poison)
    last = await sent(bob, room)
    await push_gateway.event(last)

    assert push_gateway.events.count(poison) <= 3


@ALONE
async def test_a_gateway_that_says_nothing_holds_up_no_other(client: Client, push_gateway: PushGateway) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    release = asyncio.Event()

    async def wait(notification: Json) -> web.Response:
        await release.wait()
        return await accept(notification)

    async with gateway() as silent:
        silent.answer = wait
        for number in range(20):
            await set_pusher(alice, silent.url, f"key {number}")
        await set_pusher(alice, push_gateway.url)
        events = [await sent(bob, room) for _ in range(3)]
        await push_gateway.event(events[-1])
        release.set()

    assert push_gateway.events == events


@ALONE
async def test_logging_out_ends_what_is_tried_again(client: Client, push_gateway: PushGateway) -> None:
    alice, bob = await client.register(), await client.register()
    phone = await client.login(alice.user_id)
    room = await room_of(alice, bob)
    await set_pusher(phone, push_gateway.url, "phone")
    await set_pusher(alice, push_gateway.url, "desktop")
    push_gateway.answer = fail
    event = await sent(bob, room)
    await push_gateway.until(lambda: push_gateway.events.count(event) >= 2)
    await phone.logout()
    push_gateway.answer = accept
    begun = len(push_gateway.told)
    last = await sent(bob, room)
    await push_gateway.event(last)

    assert {told["devices"][0]["pushkey"] for told in push_gateway.told[begun:]} == {"desktop"}


async def test_a_server_that_is_started_again_goes_on(tmp_path: Path, push_gateway: PushGateway) -> None:
    async with served(tmp_path) as client:
        alice, bob = await client.register(), await client.register()
        room = await room_of(alice, bob)
        await set_pusher(alice, push_gateway.url)
        first = await sent(bob, room)
        await push_gateway.event(first)
        push_gateway.answer = fail
        second = await sent(bob, room)
        await push_gateway.event(second)
    failed = len(push_gateway.told)
    push_gateway.answer = accept

    async with served(tmp_path) as client:
        bob = bob.at(client)
        third = await sent(bob, room)
        await push_gateway.event(third)
        assert [pusher["pushkey"] for pusher in await pushers(alice.at(client))] == ["key"]

    assert push_gateway.events[failed:] == [second, third]


async def test_who_logged_out_where_there_were_no_pushers_is_told_nothing(
    tmp_path: Path, push_gateway: PushGateway
) -> None:
    async with served(tmp_path) as client:
        alice, bob = await client.register(), await client.register()
        phone = await client.login(alice.user_id)
        room = await room_of(alice, bob)
        await set_pusher(phone, push_gateway.url, "phone")
        await set_pusher(alice, push_gateway.url, "desktop")
    without = [plugin for name, plugin in discover().plugins.items() if name != "pusher"]
    async with served(tmp_path, plugins=without) as client:
        await phone.at(client).logout()

    async with served(tmp_path) as client:
        async with asyncio.timeout(PATIENCE):
            while len(await pushers(alice.at(client))) > 1:
                pass
        event = await sent(bob.at(client), room)
        told = await push_gateway.event(event)

    assert told["devices"][0]["pushkey"] == "desktop"
    assert push_gateway.events == [event]


async def test_what_is_too_old_is_given_up(tmp_path: Path, push_gateway: PushGateway) -> None:
    async with served(tmp_path) as client:
        alice, bob = await client.register(), await client.register()
        room = await room_of(alice, bob)
        await set_pusher(alice, push_gateway.url)
        push_gateway.answer = fail
        old = await sent(bob, room)
        await push_gateway.event(old)
    failed = len(push_gateway.told)
    push_gateway.answer = accept

    async with served(tmp_path, TwoDaysLater()) as client:
        new = await sent(bob.at(client), room)
        told = await push_gateway.event(new)

    assert push_gateway.events[failed:] == [new]
    assert told["counts"] == {"unread": 2}


async def test_a_server_that_is_killed_tells_nothing_twice_but_what_it_was_telling(
    tmp_path: Path, push_gateway: PushGateway
) -> None:
    async with hs_run(tmp_path, **OUTBOUND) as server:
        async with server.client() as client:
            alice, bob = await client.register(), await client.register()
            room = await room_of(alice, bob)
            await set_pusher(alice, push_gateway.url)
            events = [await sent(bob, room) for _ in range(3)]
            await push_gateway.event(events[-1])
            push_gateway.answer = fail
            events.append(await sent(bob, room))
            await push_gateway.event(events[-1])
        await server.kill()
        push_gateway.answer = accept
        await server.start()
        async with server.client() as client:
            events.append(await sent(bob.at(client), room))
            await push_gateway.event(events[-1])

    assert once_each(push_gateway.events) == events


async def test_when_a_process_dies_another_goes_on(
    tmp_path: Path, push_gateway: PushGateway, postgres_server: PostgresServer, redis_server: RedisServer
) -> None:
    name = postgres_server.create_database()
    async with (
        deployed(tmp_path / "hs", postgres_server.url(name), redis_server.url(), APART, **OUTBOUND) as deployment,
        deployment.client("rest") as client,
    ):
        bob, users = await client.register(), [await client.register() for _ in range(8)]
        room = await room_of(bob, *users)
        for user in users:
            await set_pusher(user, push_gateway.url, user.user_id)
        events = [await sent(bob, room)]
        await push_gateway.until(lambda: len(push_gateway.told) == len(users))

        sending = asyncio.create_task(_send(bob, room, events, 10))
        await push_gateway.until(lambda: len(push_gateway.told) > 3 * len(users))
        await deployment["pusher-0"].kill()
        await sending
        events.append(await sent(bob, room))
        await push_gateway.until(lambda: push_gateway.events.count(events[-1]) == len(users))

        await deployment["pusher-0"].start()
        await deployment["pusher-1"].stop()
        events.append(await sent(bob, room))
        await push_gateway.until(lambda: push_gateway.events.count(events[-1]) == len(users))

    for user in users:
        told = [each["event_id"] for each in push_gateway.told if each["devices"][0]["pushkey"] == user.user_id]
        assert once_each(told) == events
    assert len(push_gateway.events) <= len(users) * (len(events) + 1)


async def _send(user: User, room: str, events: list[str], count: int) -> None:
    events += [await sent(user, room) for _ in range(count)]
