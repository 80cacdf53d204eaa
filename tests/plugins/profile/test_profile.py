"""Profiles, through their public door."""

import pytest

from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.testing.client import Client
from hs_core.testing.homeserver import Homeserver
from hs_core.testing.http import path
from hs_plugins.rooms.api import ROOMS_READ


async def test_everybody_may_read_what_a_user_says_of_themselves(client: Client) -> None:
    alice = await client.register()
    where = path("profile", alice.user_id)
    assert await client.request("GET", where) == {}
    await alice.request("PUT", where + "/displayname", json={"displayname": "Alice"})
    await alice.request("PUT", where + "/avatar_url", json={"avatar_url": "mxc://hs.test/face"})
    await alice.request("PUT", where + "/org.example.pets", json={"org.example.pets": ["cat", 2.5]})
    assert await client.request("GET", where) == {
        "displayname": "Alice",
        "avatar_url": "mxc://hs.test/face",
        "org.example.pets": ["cat", 2.5],
    }
    assert await client.request("GET", where + "/displayname") == {"displayname": "Alice"}
    for field in ("displayname", "org.example.pets", "org.example.pets"):
        await alice.request("DELETE", f"{where}/{field}")
    assert await client.request("GET", where + "/displayname") == {}
    assert await client.error("GET", where + "/org.example.pets") == (404, "M_NOT_FOUND")


async def test_who_does_not_exist_has_no_profile(client: Client) -> None:
    assert await client.error("GET", path("profile", "@nobody-here:hs.test")) == (404, "M_NOT_FOUND")
    assert await client.error("GET", path("profile", "@somebody:elsewhere.test")) == (404, "M_NOT_FOUND")


async def test_nobody_changes_another_s_profile(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    where = path("profile", alice.user_id, "displayname")
    assert await bob.error("PUT", where, json={"displayname": "Fool"}) == (403, "M_FORBIDDEN")
    assert await bob.error("DELETE", where) == (403, "M_FORBIDDEN")


@pytest.mark.parametrize(
    ("name", "body", "errcode"),
    [
        ("displayname", {}, "M_MISSING_PARAM"),
        ("displayname", {"displayname": 5}, "M_INVALID_PARAM"),
        ("displayname", {"displayname": None}, "M_INVALID_PARAM"),
        ("displayname", {"displayname": "x" * 257}, "M_INVALID_PARAM"),
        ("displayname", [], "M_BAD_JSON"),
        ("avatar_url", {"avatar_url": {}}, "M_INVALID_PARAM"),
        ("nonsense", {"nonsense": 1}, "M_INVALID_PARAM"),
        ("org." + "x" * 252, {"org." + "x" * 252: 1}, "M_KEY_TOO_LARGE"),
        ("org.large", {"org.large": "x" * 65536}, "M_PROFILE_TOO_LARGE"),
    ],
)
async def test_what_cannot_be_in_a_profile_is_refused(client: Client, name: str, body: object, errcode: str) -> None:
    alice = await client.register()
    assert await alice.error("PUT", path("profile", alice.user_id, name), json=body) == (400, errcode)
    assert await client.request("GET", path("profile", alice.user_id)) == {}


async def test_a_new_name_is_told_to_all_rooms_of_the_user(server: Homeserver, client: Client) -> None:
    alice = await client.register()
    rooms = [await alice.create_room() for _ in range(3)]
    where = path("profile", alice.user_id, "displayname")
    await alice.request("PUT", where, json={"displayname": "Alice the Second"})
    for room in rooms:
        member = await server.core.read_sides[ROOMS_READ].members.membership(RoomId(room), UserId(alice.user_id))
        assert member is not None
        events = await server.core.read_sides[ROOMS_READ].timelines.events([member.event_id])
        assert events[member.event_id].event.content == {"membership": "join", "displayname": "Alice the Second"}


async def test_an_erased_user_has_no_profile_left(client: Client) -> None:
    alice = await client.register()
    where = path("profile", alice.user_id)
    await alice.request("PUT", where + "/displayname", json={"displayname": "Alice"})
    auth = {"type": "m.login.password", "user": alice.user_id, "password": alice.password}
    await alice.request("POST", "/account/deactivate", json={"erase": True, "auth": auth})
    assert await client.request("GET", where) == {}


async def test_guests_may_change_their_name_only(client: Client) -> None:
    guest = await client.register_guest()
    where = path("profile", guest.user_id)
    await guest.request("PUT", where + "/displayname", json={"displayname": "Passer-by"})
    refused = await guest.error("PUT", where + "/avatar_url", json={"avatar_url": "mxc://hs.test/face"})
    assert refused == (403, "M_GUEST_ACCESS_FORBIDDEN")
