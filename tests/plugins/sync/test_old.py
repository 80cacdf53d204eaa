"""`/events`, `/initialSync` and what else was there before `/sync`."""

import asyncio

from hs_core.testing.client import Client, User
from hs_core.testing.homeserver import Homeserver
from hs_core.testing.http import path


async def _world_readable(alice: User) -> str:
    visibility = {
        "type": "m.room.history_visibility",
        "state_key": "",
        "content": {"history_visibility": "world_readable"},
    }
    return await alice.create_room(initial_state=[visibility])


async def test_events_are_told_one_after_the_other(server: Homeserver) -> None:
    # The specification's schema is of room events, but presence is told here as well.
    async with Client(server.url, shared_secret=server.shared_secret) as client:
        alice = await client.register()
        start = (await alice.request("GET", "/initialSync"))["end"]
        room = await alice.create_room()
        sent = [await alice.send_text(room, str(number)) for number in range(7)]

        told = []
        for _ in range(20):
            chunk = await alice.request("GET", "/events", params={"from": start, "timeout": "0", "limit": "3"})
            told += [event["event_id"] for event in chunk["chunk"] if "event_id" in event]
            start = chunk["end"]
    assert [event for event in told if event in sent] == sent
    assert len(set(told)) == len(told)


async def test_events_wait_for_what_happens_next(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    start = (await alice.sync()).next_batch
    waiting = asyncio.create_task(alice.request("GET", "/events", params={"from": start, "timeout": "9000"}))
    event = await alice.send_text(room, "hi")

    (told,) = (await waiting)["chunk"]
    assert (told["event_id"], told["room_id"], told["user_id"]) == (event, room, alice.user_id)
    again = await alice.request("GET", path("events", event))
    assert again | {"unsigned": None} == told | {"unsigned": None}


async def test_a_guest_may_follow_a_room_that_everybody_may_read(client: Client) -> None:
    alice, guest = await client.register(), await client.register_guest()
    room = await _world_readable(alice)
    start = (await guest.sync()).next_batch
    query = {"from": start, "timeout": "9000", "room_id": room}
    waiting = asyncio.create_task(guest.request("GET", "/events", params=query))
    await alice.send_text(room, "hi")

    bodies = [event["content"].get("body") for event in (await waiting)["chunk"]]
    while "hi" not in bodies:
        chunk = await guest.request("GET", "/events", params=query | {"from": start})
        bodies += [event["content"].get("body") for event in chunk["chunk"]]
        start = chunk["end"]


async def test_nobody_follows_a_room_that_is_closed_to_them(client: Client) -> None:
    alice, bob, guest = await client.register(), await client.register(), await client.register_guest()
    room = await alice.create_room()

    for user in (bob, guest):
        assert await user.error("GET", "/events", params={"room_id": room}) == (403, "M_FORBIDDEN")
        assert await user.error("GET", path("rooms", room, "initialSync")) == (403, "M_FORBIDDEN")
    assert await guest.error("GET", "/events") == (403, "M_GUEST_ACCESS_FORBIDDEN")
    assert await bob.error("GET", path("events", await alice.send_text(room, "x"))) == (404, "M_NOT_FOUND")


async def test_numbers_that_are_none_are_refused(client: Client) -> None:
    alice = await client.register()

    for query in ("limit=x", "limit=-1", "timeout=x", "from=x"):
        status, _ = await alice.error("GET", f"/events?{query}")
        assert status == 400
    assert (await alice.error("GET", "/initialSync?limit=x"))[0] == 400


async def test_an_initial_sync_of_old_shows_rooms_with_their_messages_and_state(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat")
    await alice.send_text(room, "hi")
    invited = await bob.create_room(invite=[alice.user_id])

    everything = await alice.request("GET", "/initialSync", params={"limit": "1"})
    rooms = {each["room_id"]: each for each in everything["rooms"]}
    assert [event["content"]["body"] for event in rooms[room]["messages"]["chunk"]] == ["hi"]
    assert "m.room.create" in {event["type"] for event in rooms[room]["state"]}
    assert rooms[invited]["invite"]["content"]["membership"] == "invite"
    assert (await alice.request("GET", "/initialSync", params={"limit": "0"}))["rooms"][0]["messages"]["chunk"] == []


async def test_rooms_of_an_initial_sync_of_old_say_whether_they_are_published(client: Client) -> None:
    alice = await client.register()
    listed, unlisted = await alice.create_room(visibility="public"), await alice.create_room()

    rooms = (await alice.request("GET", "/initialSync"))["rooms"]
    one = await alice.request("GET", path("rooms", listed, "initialSync"))

    assert {room["room_id"]: room["visibility"] for room in rooms} == {listed: "public", unlisted: "private"}
    assert one["visibility"] == "public"


async def test_a_room_is_shown_as_it_was_when_the_user_left(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat", name="before")
    await bob.join(room)
    await bob.leave(room)
    await alice.send_state(room, "m.room.name", {"name": "after"})

    shown = await bob.request("GET", path("rooms", room, "initialSync"))
    archived = await bob.request("GET", "/initialSync", params={"archived": "true"})

    assert shown["membership"] == "leave"
    assert shown["presence"] == []
    names = [event["content"]["name"] for event in shown["state"] if event["type"] == "m.room.name"]
    assert names == ["before"]
    assert [each["membership"] for each in archived["rooms"]] == ["leave"]


async def test_who_is_not_in_an_open_room_may_look_into_it(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await _world_readable(alice)
    await alice.send_text(room, "hi")

    shown = await bob.request("GET", path("rooms", room, "initialSync"))

    assert "membership" not in shown
    assert shown["messages"]["chunk"][-1]["content"]["body"] == "hi"
