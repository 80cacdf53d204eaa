"""Messages from device to device (client-server API, "Send-to-Device messaging")."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hs_core.testing.acts import next_transaction_id
from hs_core.testing.client import Client, User
from hs_core.testing.http import Json, path
from hs_core.testing.sync import Sync

TYPE = "org.example.message"


async def send(sender: User, messages: Json, *, type_: str = TYPE, transaction: str | None = None) -> None:
    where = path("sendToDevice", type_, transaction or next_transaction_id())
    await sender.request("PUT", where, json={"messages": messages})


def told(sync: Sync) -> list[Any]:
    """What the messages of a response say."""
    return [event["content"].get("says") for event in sync.get("to_device", {}).get("events", [])]


async def test_a_message_reaches_its_device_and_no_other(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    phone = await client.login(bob.localpart)
    since = (await phone.sync()).next_batch
    await send(alice, {bob.user_id: {bob.device_id: {"says": "hi"}}})
    sync = await bob.sync_until(told)
    assert sync["to_device"]["events"] == [{"type": TYPE, "sender": alice.user_id, "content": {"says": "hi"}}]
    assert told(await phone.sync(since)) == []
    assert told(await alice.sync()) == []


async def test_a_message_wakes_a_client_that_waits(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    since = (await bob.sync()).next_batch
    waiting = asyncio.create_task(bob.sync_until(told, since))
    await send(alice, {bob.user_id: {bob.device_id: {"says": "wake up"}}})
    assert told(await waiting) == ["wake up"]


async def test_a_message_is_told_until_the_next_token_proves_that_it_was_received(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    since = (await bob.sync()).next_batch
    await send(alice, {bob.user_id: {bob.device_id: {"says": 1}}})
    first = await bob.sync_until(told, since)
    assert told(await bob.sync(since)) == [1]
    assert told(await bob.sync()) == [1]
    assert told(await bob.sync(first.next_batch)) == []
    assert told(await bob.sync(since)) == []
    assert told(await bob.sync()) == []


async def test_the_event_stream_which_shows_no_messages_does_not_consume_any(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    since = token = (await bob.sync()).next_batch
    await send(alice, {bob.user_id: {bob.device_id: {"says": 1}}})
    assert told(await bob.sync(since)) == [1]
    for _ in range(2):
        token = (await bob.request("GET", "/events", params={"from": token, "timeout": "0"}))["end"]
    assert told(await bob.sync(since)) == [1]


async def test_what_was_sent_before_the_first_sync_is_told(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    await send(alice, {bob.user_id: {bob.device_id: {"says": "early"}}})
    first = await bob.sync()
    assert told(first) == ["early"]
    assert told(await bob.sync(first.next_batch)) == []


async def test_a_wildcard_stands_for_all_devices_that_are_not_named(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    phone = await client.login(bob.localpart)
    await send(alice, {bob.user_id: {"*": {"says": "all"}, phone.device_id: {"says": "phone"}}})
    assert told(await bob.sync()) == ["all"]
    assert told(await phone.sync()) == ["phone"]


async def test_one_request_reaches_several_users(client: Client) -> None:
    alice, bob, carol = await client.register(), await client.register(), await client.register()
    await send(alice, {each.user_id: {"*": {"says": each.localpart}} for each in (alice, bob, carol)})
    for each in (alice, bob, carol):
        assert told(await each.sync()) == [each.localpart]


async def test_a_repeated_request_brings_nothing(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    message = {bob.user_id: {bob.device_id: {"says": 1}}}
    await send(alice, message, transaction="same")
    first = await bob.sync()
    await send(alice, message, transaction="same")
    await send(alice, message, transaction="other")
    second = await bob.sync(first.next_batch)
    assert (told(first), told(second)) == ([1], [1])
    assert told(await bob.sync(second.next_batch)) == []


async def test_the_same_transaction_of_another_device_or_type_is_another_one(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    phone = await client.login(alice.localpart)
    for sender, type_ in ((alice, TYPE), (phone, TYPE), (alice, "org.example.other")):
        await send(sender, {bob.user_id: {"*": {"says": type_}}}, type_=type_, transaction="same")
    assert told(await bob.sync()) == [TYPE, TYPE, "org.example.other"]


async def test_many_messages_come_in_order_each_once(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    since = (await bob.sync()).next_batch
    for number in range(150):
        await send(alice, {bob.user_id: {bob.device_id: {"says": number}}})
    first = await bob.sync(since)
    assert told(first) == list(range(100))
    second = await bob.sync(first.next_batch, timeout=10_000)
    assert told(second) == list(range(100, 150))
    assert told(await bob.sync(second.next_batch)) == []


async def test_concurrent_senders_lose_nothing(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    await asyncio.gather(*(send(alice, {bob.user_id: {"*": {"says": number}}}) for number in range(30)))
    assert sorted(told(await bob.sync())) == list(range(30))


async def test_what_nobody_fetches_is_bounded_and_the_newest_is_kept(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    large = "x" * 65_000
    for number in range(260):
        await send(alice, {bob.user_id: {bob.device_id: {"says": number, "large": large}}})
    said: list[int] = []
    sync = await bob.sync()
    while told(sync):
        said += told(sync)
        sync = await bob.sync(sync.next_batch)
    assert said[-1] == 259
    assert 100 < len(said) < 259
    assert said == list(range(said[0], 260))


async def test_messages_for_nobody_are_dropped(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    await send(alice, {f"@nobody:{alice.server_name}": {"*": {}}, "@bob:elsewhere.example.org": {"*": {}}})
    await send(alice, {bob.user_id: {"NOSUCHDEVICE": {}}})
    assert told(await bob.sync()) == []


async def test_a_deleted_device_leaves_nothing_behind(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    phone = await client.login(bob.localpart)
    await send(alice, {bob.user_id: {phone.device_id: {"says": "old"}}})
    await phone.logout()
    again = await client.login(bob.localpart, device_id=phone.device_id)
    assert told(await again.sync()) == []


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        ({}, "M_MISSING_PARAM"),
        ({"messages": []}, "M_BAD_JSON"),
        ({"messages": {"@bob:example.org": []}}, "M_BAD_JSON"),
        ({"messages": {"@bob:example.org": {"*": "text"}}}, "M_BAD_JSON"),
        ({"messages": {"bob": {"*": {}}}}, "M_INVALID_PARAM"),
    ],
)
async def test_a_body_that_cannot_be_is_refused(client: Client, body: Json, errcode: str) -> None:
    alice = await client.register()
    assert await alice.error("PUT", path("sendToDevice", TYPE, "t"), json=body) == (400, errcode)


async def test_what_is_too_large_is_refused(client: Client) -> None:
    alice = await client.register()
    content = {"large": "x" * 65_536}
    where = path("sendToDevice", TYPE, "t")
    assert await alice.error("PUT", where, json={"messages": {alice.user_id: {"*": content}}}) == (413, "M_TOO_LARGE")
    many: Json = {alice.user_id: {f"D{number}": {} for number in range(5001)}}
    assert await alice.error("PUT", where, json={"messages": many}) == (413, "M_TOO_LARGE")
    long = path("sendToDevice", "x" * 256, "t")
    assert await alice.error("PUT", long, json={"messages": {}}) == (400, "M_INVALID_PARAM")
