"""What the server says of itself, and of rooms to those who are not in them."""

from hs_core.testing.client import Client
from hs_core.testing.http import path

SUMMARY = "/_matrix/client/v1/room_summary"


async def test_anybody_is_told_the_versions(client: Client) -> None:
    versions = (await client.request("GET", "/_matrix/client/versions"))["versions"]

    assert "v1.11" in versions
    assert "v1.12" not in versions


async def test_capabilities_are_those_of_all_plugins(client: Client) -> None:
    alice = await client.register()
    capabilities = (await alice.request("GET", "/capabilities"))["capabilities"]
    assert capabilities["m.room_versions"]["default"] == "12"
    assert capabilities["m.room_versions"]["available"]["1"] == "stable"
    assert capabilities["m.profile_fields"]["enabled"] is True
    assert await client.error("GET", "/capabilities") == (401, "M_MISSING_TOKEN")


async def test_clients_discover_the_server(client: Client) -> None:
    found = await client.request("GET", "/.well-known/matrix/client")
    assert found["m.homeserver"] == {"base_url": "https://hs.test"}
    assert await client.error("GET", "/.well-known/matrix/support") == (404, "M_NOT_FOUND")


async def test_old_prefixes_lead_to_the_same_endpoints(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    for prefix in ("api/v1", "r0", "v3", "unstable"):
        found = await alice.request("GET", f"/_matrix/client/{prefix}/joined_rooms")
        assert found == {"joined_rooms": [room]}


async def test_a_public_room_is_summed_up_for_anybody(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat", name="Lobby", topic="Talk", room_alias_name=alice.localpart)
    summary = await client.request("GET", SUMMARY + path(room))
    assert (summary["name"], summary["topic"], summary["num_joined_members"]) == ("Lobby", "Talk", 1)
    assert (summary["join_rule"], summary["room_version"]) == ("public", "12")
    assert "membership" not in summary
    assert (await bob.request("GET", SUMMARY + path(f"#{alice.localpart}:hs.test")))["membership"] == "leave"
    assert (await alice.request("GET", SUMMARY + path(room)))["membership"] == "join"


async def test_a_private_room_is_summed_up_for_those_who_may_know_of_it(client: Client) -> None:
    alice, bob, carol = await client.register(), await client.register(), await client.register()
    lobby = await alice.create_room(preset="public_chat")
    await carol.join(lobby)
    allow = [{"type": "m.room_membership", "room_id": lobby}]
    rules = {"type": "m.room.join_rules", "content": {"join_rule": "restricted", "allow": allow}}
    room = await alice.create_room(initial_state=[rules])
    where = SUMMARY + path(room)
    assert await client.error("GET", where) == (404, "M_NOT_FOUND")
    assert await bob.error("GET", where) == (404, "M_NOT_FOUND")
    assert (await carol.request("GET", where))["allowed_room_ids"] == [lobby]
    await alice.invite(room, bob.user_id)
    assert (await bob.request("GET", where))["membership"] == "invite"
    assert await bob.error("GET", f"{SUMMARY}/nowhere") == (400, "M_INVALID_PARAM")
    assert await bob.error("GET", SUMMARY + path("#nowhere:hs.test")) == (404, "M_NOT_FOUND")
