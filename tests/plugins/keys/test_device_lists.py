"""Who must hear that somebody's keys have changed, and who must not."""

from __future__ import annotations

import asyncio

from hs_core.testing.client import Client, User
from hs_core.testing.http import Json, path
from tests.plugins.keys.devices import changed, left, publish


async def together(*users: User) -> str:
    room = await users[0].create_room(preset="public_chat")
    for user in users[1:]:
        await user.join(room)
    return room


async def changes(user: User, since: str, until: str) -> Json:
    answer: Json = await user.request("GET", "/keys/changes", params={"from": since, "to": until})
    return answer


async def test_new_keys_are_news_to_those_who_share_a_room_and_to_nobody_else(client: Client) -> None:
    alice, bob, carol = await client.register(), await client.register(), await client.register()
    await together(alice, bob)
    since, far = (await bob.sync()).next_batch, (await carol.sync()).next_batch
    waiting = asyncio.create_task(bob.sync_until(lambda sync: changed(sync, alice), since))
    await publish(alice)
    told = await waiting
    assert not changed(await bob.sync(told.next_batch), alice)
    assert not changed(await carol.sync(far), alice)
    assert alice.user_id in (await changes(bob, since, told.next_batch))["changed"]
    assert alice.user_id not in (await changes(carol, far, told.next_batch))["changed"]


async def test_the_same_keys_again_are_no_news(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    await together(alice, bob)
    since = (await bob.sync()).next_batch
    keys = await publish(alice)
    told = await bob.sync_until(lambda sync: changed(sync, alice), since)
    await alice.request("POST", "/keys/upload", json={"device_keys": keys})
    assert not changed(await bob.sync(told.next_batch), alice)


async def test_devices_that_come_go_and_are_renamed_are_news(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    await together(alice, bob)
    since = (await bob.sync()).next_batch
    phone = await client.login(alice.localpart)
    told = await bob.sync_until(lambda sync: changed(sync, alice), since)
    await phone.request("PUT", path("devices", phone.device_id), json={"display_name": "phone"})
    told = await bob.sync_until(lambda sync: changed(sync, alice), told.next_batch)
    await phone.logout()
    await bob.sync_until(lambda sync: changed(sync, alice), told.next_batch)


async def test_a_user_hears_of_their_own_new_devices(client: Client) -> None:
    alice = await client.register()
    since = (await alice.sync()).next_batch
    phone = await client.login(alice.localpart)
    await publish(phone)
    await alice.sync_until(lambda sync: changed(sync, alice), since)


async def test_who_comes_into_a_shared_room_is_news_even_if_a_filter_hides_the_room(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await together(alice)
    since = (await alice.sync()).next_batch
    waiting = asyncio.create_task(
        alice.sync_until(lambda sync: changed(sync, bob), since, filter={"room": {"rooms": []}})
    )
    await bob.join(room)
    told = await waiting
    assert bob.user_id in (await changes(alice, since, told.next_batch))["changed"]
    assert changed(await alice.sync(since), bob)
    assert not changed(await alice.sync(told.next_batch), bob)


async def test_members_of_a_room_that_one_joins_are_news(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await together(alice)
    since = (await bob.sync()).next_batch
    await bob.join(room)
    told = await bob.sync_until(lambda sync: changed(sync, alice), since)
    assert alice.user_id in (await changes(bob, since, told.next_batch))["changed"]


async def test_a_change_of_name_is_no_news(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await together(alice, bob)
    since = (await alice.sync()).next_batch
    await bob.send_state(room, "m.room.member", {"membership": "join", "displayname": "B"}, bob.user_id)
    sync = await alice.sync_until(lambda sync: sync.timeline(room), since)
    assert not left(sync, bob)
    assert bob.user_id not in (await changes(alice, since, sync.next_batch))["left"]


async def test_who_leaves_the_last_shared_room_is_told_as_left(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    first, second = await together(alice, bob), await together(alice, bob)
    since = (await alice.sync()).next_batch
    await bob.leave(first)
    sync = await alice.sync_until(lambda sync: sync.timeline(first), since)
    assert not left(sync, bob)
    await bob.leave(second)
    sync = await alice.sync_until(lambda sync: left(sync, bob), sync.next_batch)
    assert not changed(sync, bob)
    told = await changes(alice, since, sync.next_batch)
    assert (bob.user_id in told["left"], bob.user_id in told["changed"]) == (True, False)
    await publish(bob)
    assert not changed(await alice.sync(sync.next_batch), bob)


async def test_when_one_leaves_a_room_the_others_are_told_as_left(client: Client) -> None:
    alice, bob, carol = await client.register(), await client.register(), await client.register()
    room = await together(alice, bob, carol)
    await together(alice, carol)
    since = (await alice.sync()).next_batch
    await alice.leave(room)
    sync = await alice.sync_until(lambda sync: left(sync, bob), since)
    assert not left(sync, carol)
    told = await changes(alice, since, sync.next_batch)
    assert told["left"] == [bob.user_id]


async def test_who_was_away_while_keys_changed_is_news_on_coming_back(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await together(alice, bob)
    since = (await alice.sync()).next_batch
    await bob.leave(room)
    await publish(bob)
    await bob.join(room)
    sync = await alice.sync_until(lambda sync: changed(sync, bob), since)
    assert not left(sync, bob)
    assert bob.user_id in (await changes(alice, since, sync.next_batch))["changed"]


async def test_a_token_that_no_sync_gave_is_refused(client: Client) -> None:
    alice = await client.register()
    where = "/keys/changes?from=nonsense&to=nonsense"
    assert await alice.error("GET", where) == (400, "M_INVALID_PARAM")
    assert await alice.error("GET", "/keys/changes") == (400, "M_MISSING_PARAM")
