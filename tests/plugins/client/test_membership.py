"""Invites, knocks, kicks, bans, departures."""

from hs_core.testing.client import Client
from hs_core.testing.http import path


async def test_who_is_banned_cannot_come_back_until_they_are_unbanned(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    await alice.ban(room, bob.user_id, "enough")
    assert (await alice.state_content(room, "m.room.member", bob.user_id))["reason"] == "enough"
    assert await bob.error("POST", path("join", room), json={}) == (403, "M_FORBIDDEN")
    assert await alice.error("POST", path("rooms", room, "invite"), json={"user_id": bob.user_id}) == (
        403,
        "M_FORBIDDEN",
    )
    await alice.unban(room, bob.user_id)
    await bob.join(room)


async def test_who_knocks_can_be_let_in(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(initial_state=[{"type": "m.room.join_rules", "content": {"join_rule": "knock"}}])
    await bob.knock(room, "please")
    assert await alice.members(room, membership="knock") == {bob.user_id: "knock"}
    await alice.invite(room, bob.user_id)
    await bob.join(room)
    private = await alice.create_room()
    assert await bob.error("POST", path("knock", private), json={}) == (403, "M_FORBIDDEN")
    assert await bob.error("POST", path("knock", "!nowhere:hs.test"), json={}) == (404, "M_NOT_FOUND")


async def test_an_invite_is_rejected_by_leaving_and_leaving_twice_is_no_error(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(invite=[bob.user_id])
    await bob.leave(room)
    await bob.leave(room)
    assert await bob.error("GET", path("rooms", room, "state")) == (403, "M_FORBIDDEN")
    assert await bob.error("POST", path("rooms", room, "join"), json={}) == (403, "M_FORBIDDEN")


async def test_only_those_in_the_room_can_be_kicked_and_only_the_banned_unbanned(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat")
    body = {"user_id": bob.user_id}
    assert await alice.error("POST", path("rooms", room, "kick"), json=body) == (403, "M_FORBIDDEN")
    assert await alice.error("POST", path("rooms", room, "unban"), json=body) == (403, "M_FORBIDDEN")
    await bob.join(room)
    assert await bob.error("POST", path("rooms", room, "kick"), json={"user_id": alice.user_id}) == (403, "M_FORBIDDEN")
    await alice.kick(room, bob.user_id)
    assert (await alice.members(room))[bob.user_id] == "leave"


async def test_bodies_of_memberships_are_checked(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    for act in ("invite", "kick", "ban", "unban"):
        where = path("rooms", room, act)
        assert await alice.error("POST", where, json={}) == (400, "M_MISSING_PARAM")
        assert await alice.error("POST", where, json={"user_id": 1}) == (400, "M_BAD_JSON")
        assert await alice.error("POST", where, json={"user_id": "nobody"}) == (400, "M_INVALID_PARAM")
        assert await alice.error("POST", where, json={"user_id": "@a:hs.test", "reason": []}) == (400, "M_BAD_JSON")
        assert await alice.error("POST", path("rooms", "x", act), json={"user_id": "@a:hs.test"}) == (
            400,
            "M_INVALID_PARAM",
        )
        nowhere = path("rooms", "!nowhere:hs.test", act)
        assert await alice.error("POST", nowhere, json={"user_id": "@a:hs.test"}) == (403, "M_FORBIDDEN")
    email = {"id_server": "x", "id_access_token": "x", "medium": "email", "address": "a@b"}
    assert await alice.error("POST", path("rooms", room, "invite"), json=email) == (403, "M_SERVER_NOT_TRUSTED")
    assert await alice.error("POST", path("join", room), json={"third_party_signed": 1}) == (400, "M_BAD_JSON")
    assert await alice.error("POST", path("join", "nowhere"), json={}) == (400, "M_INVALID_PARAM")
    assert await alice.error("POST", path("join", "!nowhere:hs.test"), json={}) == (404, "M_NOT_FOUND")
    assert await alice.error("POST", path("join", "#nowhere:hs.test"), json={}) == (404, "M_NOT_FOUND")


async def test_guests_join_only_where_guests_may(client: Client) -> None:
    alice, guest = await client.register(), await client.register_guest()
    closed = await alice.create_room(preset="public_chat")
    assert await guest.error("POST", path("rooms", closed, "join"), json={}) == (403, "M_GUEST_ACCESS_FORBIDDEN")
    access = {"type": "m.room.guest_access", "content": {"guest_access": "can_join"}}
    room = await alice.create_room(preset="public_chat", initial_state=[access])
    await guest.request("POST", path("rooms", room, "join"), json={})
    await guest.send_text(room, "hello")
    assert await guest.error("POST", "/createRoom", json={}) == (403, "M_GUEST_ACCESS_FORBIDDEN")


async def test_member_events_carry_the_profile(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    await bob.request("PUT", path("profile", bob.user_id, "displayname"), json={"displayname": "Bob"})
    room = await alice.create_room(invite=[bob.user_id])
    assert (await alice.state_content(room, "m.room.member", bob.user_id))["displayname"] == "Bob"
    await bob.join(room)
    member = await alice.state_content(room, "m.room.member", bob.user_id)
    assert (member["membership"], member["displayname"]) == ("join", "Bob")


async def test_guests_leave_a_room_that_does_not_want_them_any_more(client: Client) -> None:
    alice, bob, guest = await client.register(), await client.register(), await client.register_guest()
    access = {"type": "m.room.guest_access", "content": {"guest_access": "can_join"}}
    room = await alice.create_room(preset="public_chat", initial_state=[access])
    await bob.join(room)
    await guest.request("POST", path("rooms", room, "join"), json={})
    await alice.send_state(room, "m.room.guest_access", {"guest_access": "forbidden"})
    left = {"membership": "leave"}
    await alice.sync_until(lambda sync: any(event["content"] == left for event in sync.timeline(room)))
    assert (await alice.members(room))[guest.user_id] == "leave"
    assert (await alice.members(room))[bob.user_id] == "join"


async def test_a_join_says_what_else_its_body_says_but_no_other_membership(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat")
    body = {"com.example.mood": "curious", "membership": "ban", "reason": "why not", "displayname": "Bobby"}
    await bob.request("POST", path("join", room), json=body)
    member = await bob.state_content(room, "m.room.member", bob.user_id)
    assert member == {**body, "membership": "join"}
