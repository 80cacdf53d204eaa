"""The list of published rooms."""

from typing import Any

from hs_core.testing.client import Client, User
from hs_core.testing.http import Json, path


async def _search(user: User, term: str, **options: Any) -> Json:
    wanted = {"generic_search_term": term, **options.pop("filter", {})}
    found: Json = await user.request("POST", "/publicRooms", json={"filter": wanted, **options})
    return found


def _names(page: Json) -> list[str]:
    return [room["name"] for room in page["chunk"]]


async def test_a_published_room_is_found_by_its_name_topic_or_alias(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    word = alice.localpart
    await alice.create_room(visibility="public", name=f"The {word.upper()} pub", topic="Beer", room_alias_name=word)
    await alice.create_room(visibility="public", name="Library", topic=f"Books for {word}")
    await alice.create_room(name=f"Secret {word}")
    page = await _search(bob, word)
    assert sorted(_names(page)) == ["Library", f"The {word.upper()} pub"]
    assert page["chunk"][0]["num_joined_members"] == 1
    assert await _search(bob, word + "x") == {
        "chunk": [],
        "total_room_count_estimate": page["total_room_count_estimate"],
    }
    listed = await bob.request("GET", "/publicRooms?limit=500")
    assert set(_names(page)) <= {room.get("name") for room in listed["chunk"]}


async def test_changes_of_a_room_show_at_once(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat", name=f"Old {alice.localpart}")
    assert _names(await _search(bob, alice.localpart)) == []
    where = path("directory", "list", "room", room)
    await alice.request("PUT", where, json={"visibility": "public"})
    assert await client.request("GET", where) == {"visibility": "public"}
    await bob.join(room)
    await alice.send_state(room, "m.room.name", {"name": f"New {alice.localpart}"})
    page = await _search(bob, alice.localpart)
    assert (_names(page), page["chunk"][0]["num_joined_members"]) == ([f"New {alice.localpart}"], 2)
    await alice.request("PUT", where, json={"visibility": "private"})
    assert _names(await _search(bob, alice.localpart)) == []


async def test_the_largest_rooms_come_first_in_pages_both_ways(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    rooms = [
        await alice.create_room(visibility="public", preset="public_chat", name=f"{number} {alice.localpart}")
        for number in range(5)
    ]
    await bob.join(rooms[3])
    everything = _names(await _search(bob, alice.localpart))
    assert everything[0] == f"3 {alice.localpart}"
    assert len(everything) == 5
    first = await _search(bob, alice.localpart, limit=2)
    second = await _search(bob, alice.localpart, limit=2, since=first["next_batch"])
    third = await _search(bob, alice.localpart, limit=2, since=second["next_batch"])
    assert [*_names(first), *_names(second), *_names(third)] == everything
    assert "prev_batch" not in first
    assert "next_batch" not in third
    back = await _search(bob, alice.localpart, limit=2, since=third["prev_batch"])
    assert _names(back) == _names(second)
    start = await _search(bob, alice.localpart, limit=2, since=back["prev_batch"])
    assert (_names(start), "prev_batch" in start) == (_names(first), False)


async def test_rooms_are_found_by_type(client: Client) -> None:
    alice = await client.register()
    await alice.create_room(visibility="public", name=f"Room {alice.localpart}")
    space = {"type": "m.space"}
    await alice.create_room(visibility="public", name=f"Space {alice.localpart}", creation_content=space)
    only_spaces = await _search(alice, alice.localpart, filter={"room_types": ["m.space"]})
    assert [room["room_type"] for room in only_spaces["chunk"]] == ["m.space"]
    without = await _search(alice, alice.localpart, filter={"room_types": [None]})
    assert _names(without) == [f"Room {alice.localpart}"]
    assert _names(await _search(alice, alice.localpart, filter={"room_types": []})) == []


async def test_only_who_has_the_power_publishes_a_room(client: Client) -> None:
    alice, bob, admin = await client.register(), await client.register(), await client.register(admin=True)
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    where = path("directory", "list", "room", room)
    assert await bob.error("PUT", where, json={}) == (403, "M_FORBIDDEN")
    assert await alice.error("PUT", where, json={"visibility": "none"}) == (400, "M_INVALID_PARAM")
    await admin.request("PUT", where, json={})
    assert await client.request("GET", where) == {"visibility": "public"}
    assert await client.error("GET", path("directory", "list", "room", "!none:hs.test")) == (404, "M_NOT_FOUND")


async def test_bad_questions_are_refused(client: Client) -> None:
    alice = await client.register()
    for body, errcode in (
        ({"limit": "1"}, "M_BAD_JSON"),
        ({"limit": -1}, "M_INVALID_PARAM"),
        ({"since": "x"}, "M_INVALID_PARAM"),
        ({"since": 1}, "M_BAD_JSON"),
        ({"filter": []}, "M_BAD_JSON"),
        ({"filter": {"generic_search_term": "x" * 300}}, "M_INVALID_PARAM"),
        ({"filter": {"room_types": [1]}}, "M_BAD_JSON"),
        ({"include_all_networks": True, "third_party_instance_id": "irc"}, "M_INVALID_PARAM"),
    ):
        assert await alice.error("POST", "/publicRooms", json=body) == (400, errcode), body
    assert await alice.error("GET", "/publicRooms?server=other.test") == (502, "M_UNKNOWN")
    assert await alice.error("GET", "/publicRooms?server=%20") == (400, "M_INVALID_PARAM")
    assert await client.error("GET", "/publicRooms") == (401, "M_MISSING_TOKEN")
    assert (await alice.request("POST", "/publicRooms", json={"include_all_networks": True}))["chunk"] is not None
    networked = await alice.request("POST", "/publicRooms", json={"third_party_instance_id": "irc"})
    assert networked == {"chunk": [], "total_room_count_estimate": 0}


async def test_nonsense_in_a_rooms_state_is_left_out_of_the_list(client: Client) -> None:
    alice = await client.register()
    nonsense: list[tuple[str, Json]] = [
        ("m.room.join_rules", {"join_rule": ["public"], "allow": 1}),
        ("m.room.topic", {"topic": {"a": 1}}),
        ("m.room.avatar", {"url": "https://x"}),
        ("m.room.history_visibility", {"history_visibility": []}),
        ("m.room.guest_access", {"guest_access": {}}),
        ("m.room.encryption", {"algorithm": 1}),
    ]
    initial_state = [{"type": kind, "content": content} for kind, content in nonsense]
    room = await alice.create_room(visibility="public", name=alice.localpart, initial_state=initial_state)
    assert (await _search(alice, alice.localpart))["chunk"] == [
        {
            "room_id": room,
            "name": alice.localpart,
            "num_joined_members": 1,
            "world_readable": False,
            "guest_can_join": False,
            "join_rule": "invite",
            "room_version": "12",
        }
    ]
