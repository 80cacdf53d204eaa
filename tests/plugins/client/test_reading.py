"""What members, those who left, and strangers see of a room's state and events."""

from hs_core.testing.client import Client
from hs_core.testing.http import path


async def test_a_member_reads_state_as_events_and_as_content(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room(name="Lobby", topic="Talk")
    state = {(event["type"], event["state_key"]): event for event in await alice.state(room)}
    assert state["m.room.name", ""]["content"] == {"name": "Lobby"}
    assert await alice.state_content(room, "m.room.topic") == state["m.room.topic", ""]["content"]
    event = await alice.request("GET", path("rooms", room, "state", "m.room.name"), params={"format": "event"})
    assert event["event_id"] == state["m.room.name", ""]["event_id"]


async def test_state_that_is_not_there_is_not_found(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    assert await alice.error("GET", path("rooms", room, "state", "m.room.name")) == (404, "M_NOT_FOUND")
    assert await alice.error("GET", path("rooms", room, "state", "x", "y") + "?format=x") == (400, "M_INVALID_PARAM")


async def test_strangers_see_nothing_of_a_room(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room()
    event = await alice.send_text(room, "secret")
    for rest in ("state", "members", "joined_members", "messages?dir=b", "state/m.room.create", f"context/{event}"):
        status, errcode = await bob.error("GET", f"/rooms/{room}/{rest}")
        assert (status, errcode) in {(403, "M_FORBIDDEN"), (404, "M_NOT_FOUND")}, rest
    assert await bob.error("GET", path("rooms", room, "event", event)) == (404, "M_NOT_FOUND")
    assert await bob.error("GET", "/rooms/!nowhere:hs.test/state") == (403, "M_FORBIDDEN")


async def test_who_left_sees_the_room_as_it_was(client: Client) -> None:
    alice, bob, carol = await client.register(), await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat", name="Before")
    await bob.join(room)
    before = await alice.send_text(room, "before")
    await bob.leave(room)
    await alice.send_state(room, "m.room.name", {"name": "After"})
    await carol.join(room)
    after = await alice.send_text(room, "after")

    assert await bob.state_content(room, "m.room.name") == {"name": "Before"}
    assert carol.user_id not in await bob.members(room)
    assert (await bob.members(room))[bob.user_id] == "leave"
    assert {event["event_id"] for event in (await bob.messages(room))["chunk"]} >= {before}
    assert after not in {event["event_id"] for event in (await bob.messages(room, limit="100"))["chunk"]}
    assert (await bob.event(room, before))["content"]["body"] == "before"
    assert await bob.error("GET", path("rooms", room, "event", after)) == (404, "M_NOT_FOUND")
    assert await bob.error("GET", path("rooms", room, "joined_members")) == (403, "M_FORBIDDEN")


async def test_who_was_banned_after_leaving_still_sees_the_room_as_it_was_when_they_left(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat", name="Before")
    await bob.join(room)
    await bob.leave(room)
    await alice.send_state(room, "m.room.name", {"name": "After"})
    await alice.ban(room, bob.user_id)
    assert await bob.state_content(room, "m.room.name") == {"name": "Before"}


async def test_a_forgotten_room_shows_nothing_any_more(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    assert await bob.error("POST", path("rooms", room, "forget"), json={}) == (400, "M_UNKNOWN")
    await bob.leave(room)
    await bob.request("POST", path("rooms", room, "forget"), json={})
    assert await bob.error("GET", path("rooms", room, "state")) == (403, "M_FORBIDDEN")
    assert await bob.error("GET", path("rooms", room, "messages") + "?dir=b") == (403, "M_FORBIDDEN")


async def test_anybody_may_look_into_a_world_readable_room(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    visibility = {"type": "m.room.history_visibility", "content": {"history_visibility": "world_readable"}}
    room = await alice.create_room(initial_state=[visibility], name="Open")
    event = await alice.send_text(room, "hear, hear")
    assert await bob.state_content(room, "m.room.name") == {"name": "Open"}
    assert (await bob.event(room, event))["content"]["body"] == "hear, hear"
    assert (await bob.messages(room))["chunk"][0]["event_id"] == event
    assert await bob.error("GET", path("rooms", room, "joined_members")) == (403, "M_FORBIDDEN")


async def test_guests_may_look_into_a_world_readable_room_and_into_no_other(client: Client) -> None:
    alice, guest = await client.register(), await client.register_guest()
    visibility = {"type": "m.room.history_visibility", "content": {"history_visibility": "world_readable"}}
    room, other = await alice.create_room(initial_state=[visibility]), await alice.create_room()
    event = await alice.send_text(room, "hi")
    for rest in ("state", "members", "messages?dir=b", "state/m.room.create", f"context/{event}", f"event/{event}"):
        await guest.request("GET", f"/rooms/{room}/{rest}")
        status, _ = await guest.error("GET", f"/rooms/{other}/{rest}")
        assert status in {403, 404}


async def test_members_are_filtered_by_membership(client: Client) -> None:
    alice, bob, carol = await client.register(), await client.register(), await client.register()
    room = await alice.create_room(invite=[bob.user_id, carol.user_id])
    await bob.join(room)
    assert await alice.members(room, membership="invite") == {carol.user_id: "invite"}
    assert await alice.members(room, not_membership="invite") == {alice.user_id: "join", bob.user_id: "join"}
    either = await alice.members(room, membership="invite", not_membership="join")
    assert either == {carol.user_id: "invite"}
    assert await alice.error("GET", path("rooms", room, "members") + "?membership=x") == (400, "M_INVALID_PARAM")


async def test_members_are_told_as_they_were_at_a_place(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat")
    start = (await alice.messages(room))["start"]
    await bob.join(room)
    assert bob.user_id not in await alice.members(room, at=start)
    assert bob.user_id in await alice.members(room)
    assert await alice.error("GET", path("rooms", room, "members") + "?at=x") == (400, "M_INVALID_PARAM")


async def test_joined_members_come_with_their_profiles(client: Client) -> None:
    alice = await client.register()
    await alice.request("PUT", path("profile", alice.user_id, "displayname"), json={"displayname": "Alice"})
    room = await alice.create_room()
    assert await alice.joined_members(room) == {alice.user_id: {"display_name": "Alice"}}
    assert room in (await alice.request("GET", "/joined_rooms"))["joined_rooms"]


async def test_an_event_by_time_is_the_closest_in_the_direction(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    event = await alice.event(room, await alice.send_text(room, "now"))
    where = f"/_matrix/client/v1/rooms/{room}/timestamp_to_event"
    found = await alice.request("GET", f"{where}?dir=b&ts={event['origin_server_ts'] + 1000}")
    assert found == {"event_id": event["event_id"], "origin_server_ts": event["origin_server_ts"]}
    future = f"{where}?dir=f&ts={event['origin_server_ts'] + 1000}"
    assert await alice.error("GET", future) == (404, "M_NOT_FOUND")
    assert await alice.error("GET", f"{where}?dir=f&ts=soon") == (400, "M_INVALID_PARAM")
    assert await alice.error("GET", f"{where}?dir=f") == (400, "M_MISSING_PARAM")
