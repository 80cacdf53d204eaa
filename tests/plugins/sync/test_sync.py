"""`/sync` over HTTP: what joined members are told, at once and as it happens."""

import asyncio

from hs_core.testing.client import Client

TEN = {"room": {"timeline": {"limit": 10}}}


async def test_an_initial_sync_shows_the_rooms_that_the_user_is_in(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room(name="Tea", preset="public_chat")
    await alice.send_text(room, "hi")

    sync = await alice.sync(filter={"room": {"timeline": {"limit": 1}}})

    assert sync.texts(room) == ["hi"]
    assert sync.rooms()[room]["timeline"]["limited"]
    state = {(event["type"], event["state_key"]) for event in sync.events(room, "state")}
    assert {("m.room.create", ""), ("m.room.name", ""), ("m.room.member", alice.user_id)} <= state


async def test_nothing_is_told_twice(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    await alice.send_text(room, "one")
    first = await alice.sync()
    await alice.send_text(room, "two")
    second = await alice.sync(first.next_batch)
    third = await alice.sync(second.next_batch)

    assert first.texts(room) == ["one"]
    assert second.texts(room) == ["two"]
    assert second.events(room, "state") == []
    assert not second.rooms()[room]["timeline"]["limited"]
    assert "rooms" not in third


async def test_a_waiting_client_is_told_as_soon_as_something_happens(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    since = (await bob.sync()).next_batch
    waiting = asyncio.create_task(bob.sync_until(lambda sync: sync.texts(room), since))
    await asyncio.sleep(0)
    await alice.send_text(room, "hi")

    assert (await waiting).texts(room) == ["hi"]


async def test_a_client_that_waits_in_vain_is_answered_when_its_time_is_up(client: Client) -> None:
    alice = await client.register()
    since = (await alice.sync()).next_batch

    sync = await alice.sync(since, timeout=20)

    assert "rooms" not in sync


async def test_a_long_gap_shows_the_newest_events_and_what_changed_before_them(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    since = (await alice.sync()).next_batch
    await alice.send_state(room, "m.room.topic", {"topic": "gap"})
    for number in range(3):
        await alice.send_text(room, str(number))

    sync = await alice.sync(since, filter={"room": {"timeline": {"limit": 2}}})

    assert sync.texts(room) == ["1", "2"]
    assert sync.rooms()[room]["timeline"]["limited"]
    assert [event["content"] for event in sync.events(room, "state")] == [{"topic": "gap"}]


async def test_a_room_that_the_user_has_just_joined_is_shown_whole(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat")
    await alice.send_text(room, "before")
    since = (await bob.sync()).next_batch
    await bob.join(room)

    sync = await bob.sync(since, filter=TEN)

    assert "before" in sync.texts(room)
    known = {event["type"] for event in sync.events(room, "state") + sync.timeline(room)}
    assert {"m.room.create", "m.room.power_levels", "m.room.join_rules"} <= known
    assert sync.rooms()[room]["summary"]["m.joined_member_count"] == 2


async def test_an_invited_user_is_shown_stripped_state(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    since = (await bob.sync()).next_batch
    room = await alice.create_room(name="Tea", invite=[bob.user_id])

    for sync in (await bob.sync(since), await bob.sync()):
        events = sync.rooms("invite")[room]["invite_state"]["events"]
        shown = {event["type"]: event["content"] for event in events}
        assert shown["m.room.name"] == {"name": "Tea"}
        assert shown["m.room.member"]["membership"] == "invite"
        assert room not in sync.rooms()


async def test_a_room_that_was_left_is_shown_once_up_to_the_departure(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    since = (await bob.sync()).next_batch
    await alice.send_text(room, "bye")
    await bob.leave(room)
    await alice.send_text(room, "secret")

    left = await bob.sync(since)
    after = await bob.sync(left.next_batch)

    events = left.rooms("leave")[room]["timeline"]["events"]
    assert [event["content"].get("body") or event["content"]["membership"] for event in events] == ["bye", "leave"]
    assert "rooms" not in after
    assert room not in (await bob.sync()).rooms("leave")
    assert room in (await bob.sync(filter={"room": {"include_leave": True}})).rooms("leave")


async def test_only_the_sending_device_is_told_its_transaction(client: Client) -> None:
    alice = await client.register("alice-tx")
    other = await client.login("alice-tx")
    room = await alice.create_room()
    await alice.send(room, "m.room.message", {"body": "x", "msgtype": "m.text"}, transaction="mine")

    ours, theirs = [(await device.sync()).timeline(room)[-1] for device in (alice, other)]

    assert ours["unsigned"]["transaction_id"] == "mine"
    assert "transaction_id" not in theirs["unsigned"]
    assert ours["unsigned"]["membership"] == "join"


async def test_what_is_no_token_is_refused(client: Client) -> None:
    alice = await client.register()

    assert await alice.error("GET", "/sync?since=banana") == (400, "M_INVALID_PARAM")
    assert await alice.error("GET", "/sync?set_presence=asleep") == (400, "M_INVALID_PARAM")
    assert await alice.error("GET", "/sync?timeout=soon") == (400, "M_INVALID_PARAM")


async def test_a_token_from_the_future_is_given_back_when_the_time_is_up(client: Client) -> None:
    alice = await client.register()
    await alice.create_room()

    sync = await alice.sync("s1_e999999999", timeout=20)

    assert sync == {"next_batch": "s1_e999999999"}
