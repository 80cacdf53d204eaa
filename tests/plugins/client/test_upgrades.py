"""A room is replaced by another."""

import pytest

from hs_core.testing.client import Client
from hs_core.testing.http import path


@pytest.mark.parametrize(("old", "new"), [("10", "11"), ("11", "12"), ("12", "12"), ("12", "10"), ("1", "12")])
async def test_a_room_moves_to_another_version(client: Client, old: str, new: str) -> None:
    alice, bob = await client.register(), await client.register()
    alias = f"#{alice.localpart}:hs.test"
    room = await alice.create_room(
        room_version=old,
        preset="public_chat",
        name="Lobby",
        visibility="public",
        room_alias_name=alice.localpart,
        creation_content={"type": "m.space"},
    )
    await bob.join(room)
    body = {"new_version": new, "additional_creators": [bob.user_id]}
    next_room = (await alice.request("POST", path("rooms", room, "upgrade"), json=body))["replacement_room"]

    tombstone = await bob.state_content(room, "m.room.tombstone")
    assert tombstone["replacement_room"] == next_room
    create = await alice.state_content(next_room, "m.room.create")
    assert (create["room_version"], create["type"]) == (new, "m.space")
    assert create["predecessor"]["room_id"] == room
    assert create.get("additional_creators") == ([bob.user_id] if new == "12" else None)
    assert await alice.state_content(next_room, "m.room.name") == {"name": "Lobby"}
    assert (await alice.request("GET", path("directory", "room", alias)))["room_id"] == next_room
    assert await alice.state_content(next_room, "m.room.canonical_alias") == {"alias": alias}
    assert await alice.request("GET", path("directory", "list", "room", next_room)) == {"visibility": "public"}
    assert await alice.request("GET", path("directory", "list", "room", room)) == {"visibility": "private"}
    assert await bob.error("PUT", path("rooms", room, "send", "m.room.message", "1"), json={}) == (403, "M_FORBIDDEN")
    await bob.join(next_room)
    await alice.send_state(next_room, "m.room.name", {"name": "New lobby"})


async def test_only_who_has_the_power_upgrades_a_room(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    where = path("rooms", room, "upgrade")
    assert await bob.error("POST", where, json={"new_version": "12"}) == (403, "M_FORBIDDEN")
    assert await alice.error("POST", where, json={"new_version": "none"}) == (400, "M_UNSUPPORTED_ROOM_VERSION")
    assert await alice.error("POST", where, json={}) == (400, "M_MISSING_PARAM")
    bad = {"new_version": "12", "additional_creators": ["nobody"]}
    assert await alice.error("POST", where, json=bad) == (400, "M_INVALID_PARAM")
    assert await alice.error("POST", path("rooms", "!no:hs.test", "upgrade"), json={"new_version": "12"}) == (
        404,
        "M_NOT_FOUND",
    )


async def test_no_room_is_replaced_by_itself(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    body = {"body": "round and round", "replacement_room": room}
    for what in (path("state", "m.room.tombstone"), path("send", "m.room.tombstone", "1")):
        assert await alice.error("PUT", path("rooms", room) + what, json=body) == (400, "M_INVALID_PARAM")
