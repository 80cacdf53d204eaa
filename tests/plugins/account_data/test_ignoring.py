"""Users whom another user ignores (client-server API, "Ignoring Users")."""

from typing import Any

import pytest

from hs_core.testing.client import Client, User
from hs_core.testing.http import Json
from hs_core.testing.sync import Sync


async def ignore(user: User, *others: User) -> None:
    content: Json = {"ignored_users": {other.user_id: {} for other in others}}
    await user.request("PUT", user.path("account_data", "m.ignored_user_list"), json=content)


async def room_of(*users: User) -> str:
    room = await users[0].create_room(preset="public_chat")
    for user in users[1:]:
        await user.join(room)
    return room


def lists(sync: Sync) -> bool:
    return any(event["type"] == "m.ignored_user_list" for event in sync.get("account_data", {}).get("events", []))


async def test_messages_of_an_ignored_user_are_not_shown(client: Client) -> None:
    alice, bob, carol = await client.register(), await client.register(), await client.register()
    room = await room_of(alice, bob, carol)
    await bob.send_text(room, "before")
    await ignore(alice, bob)
    since = (await alice.sync_until(lists)).next_batch
    await bob.send_text(room, "while ignored")
    await carol.send_text(room, "from Carol")
    sync = await alice.sync_until(lambda sync: "from Carol" in sync.texts(room), since)
    assert sync.texts(room) == ["from Carol"]
    assert (await alice.sync()).texts(room) == ["from Carol"]
    page = await alice.messages(room)
    assert [event["sender"] for event in page["chunk"] if event["type"] == "m.room.message"] == [carol.user_id]
    assert "while ignored" in (await carol.sync()).texts(room)


async def test_an_ignored_message_wakes_nobody(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    await ignore(alice, bob)
    since = (await alice.sync_until(lists)).next_batch
    await bob.send_text(room, "psst")
    quiet = await alice.sync(since, timeout=50)
    assert quiet.rooms() == {}
    assert (await alice.sync(quiet.next_batch)).rooms() == {}


async def test_state_of_an_ignored_user_is_shown(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await bob.create_room(preset="public_chat")
    await alice.join(room)
    await ignore(alice, bob)
    since = (await alice.sync_until(lists)).next_batch
    await bob.send_state(room, "m.room.name", {"name": "Bob's"})
    sync = await alice.sync_until(lambda sync: sync.timeline(room), since)
    assert [event["type"] for event in sync.timeline(room)] == ["m.room.name"]
    assert "m.room.create" in {event["type"] for event in (await alice.sync()).timeline(room)}


async def test_what_is_sent_after_ignoring_ends_is_shown(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    await ignore(alice, bob)
    await alice.sync_until(lists)
    await bob.send_text(room, "missed")
    since = (await alice.sync()).next_batch
    await ignore(alice)
    again = await alice.sync_until(lists, since)
    await bob.send_text(room, "hello again")
    sync = await alice.sync_until(lambda sync: sync.texts(room), again.next_batch)
    assert sync.texts(room) == ["hello again"]
    assert (await alice.sync()).texts(room) == ["missed", "hello again"]


async def test_invitations_from_an_ignored_user_are_not_shown(client: Client) -> None:
    alice, bob, carol = await client.register(), await client.register(), await client.register()
    before, later, other = [await user.create_room() for user in (bob, bob, carol)]
    await bob.invite(before, alice.user_id)
    await ignore(alice, bob)
    since = (await alice.sync_until(lists)).next_batch
    await bob.invite(later, alice.user_id)
    await carol.invite(other, alice.user_id)
    sync = await alice.sync_until(lambda sync: other in sync.rooms("invite"), since)
    assert set(sync.rooms("invite")) == {other}
    assert set((await alice.sync()).rooms("invite")) == {other}


@pytest.mark.parametrize("content", [{}, {"ignored_users": None}, {"ignored_users": ["@a:b"]}, {"ignored_users": 1}])
async def test_a_list_that_is_none_ignores_nobody(client: Client, content: Any) -> None:
    alice = await client.register()
    room = await alice.create_room()
    await alice.request("PUT", alice.path("account_data", "m.ignored_user_list"), json=content)
    await alice.send_text(room, "hi")
    assert (await alice.sync()).texts(room) == ["hi"]


async def test_nobody_ignores_themselves(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    await ignore(alice, alice)
    await alice.send_text(room, "hi")
    assert (await alice.sync()).texts(room) == ["hi"]


async def test_events_of_old_are_without_ignored_users(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(bob, alice)
    await ignore(alice, bob)
    start = (await alice.sync()).next_batch
    await bob.send_text(room, "psst")
    await bob.send_state(room, "org.example.state", {})
    chunk = (await alice.request("GET", "/events", params={"from": start, "timeout": "10000"}))["chunk"]
    assert [event["type"] for event in chunk] == ["org.example.state"]
