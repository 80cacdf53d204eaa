"""`POST /createRoom`: which events a room begins with, and what cannot be made."""

import asyncio
from typing import Any

import pytest

from hs_core.testing.client import Client, User
from hs_core.testing.http import path


async def _types(user: User, room: str) -> list[str]:
    """The room's first events, oldest first."""
    page = await user.messages(room, backwards=False, limit="50")
    return [event["type"].removeprefix("m.room.") for event in page["chunk"]]


async def test_a_room_begins_in_the_order_that_the_specification_gives(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    name = f"room-{alice.localpart}"
    room = await alice.create_room(
        room_alias_name=name,
        name="Lobby",
        topic="Talk",
        invite=[bob.user_id],
        initial_state=[{"type": "m.room.encryption", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}],
    )
    assert await _types(alice, room) == [
        "create", "member", "power_levels", "canonical_alias", "join_rules", "history_visibility", "guest_access",
        "encryption", "name", "topic", "member",
    ]  # fmt: skip
    assert await alice.state_content(room, "m.room.canonical_alias") == {"alias": f"#{name}:hs.test"}


@pytest.mark.parametrize(
    ("preset", "rule", "guests"),
    [
        ("private_chat", "invite", "can_join"),
        ("trusted_private_chat", "invite", "can_join"),
        ("public_chat", "public", "forbidden"),
    ],
)
async def test_a_preset_sets_who_may_join(client: Client, preset: str, rule: str, guests: str) -> None:
    alice = await client.register()
    room = await alice.create_room(preset=preset)
    assert (await alice.state_content(room, "m.room.join_rules"))["join_rule"] == rule
    assert (await alice.state_content(room, "m.room.guest_access"))["guest_access"] == guests
    assert (await alice.state_content(room, "m.room.history_visibility"))["history_visibility"] == "shared"


async def test_initial_state_beats_the_preset_and_the_name_beats_initial_state(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room(
        preset="public_chat",
        name="Wins",
        initial_state=[
            {"type": "m.room.join_rules", "content": {"join_rule": "knock"}},
            {"type": "m.room.name", "content": {"name": "Loses"}},
        ],
    )
    assert (await alice.state_content(room, "m.room.join_rules"))["join_rule"] == "knock"
    assert (await alice.state_content(room, "m.room.name"))["name"] == "Wins"


async def test_invitations_to_a_direct_chat_say_so(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(is_direct=True, invite=[bob.user_id])
    member = await alice.state_content(room, "m.room.member", bob.user_id)
    assert (member["membership"], member["is_direct"]) == ("invite", True)


@pytest.mark.parametrize("version", [str(number) for number in range(1, 13)])
async def test_rooms_of_every_version_can_be_made_and_talked_in(client: Client, version: str) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(room_version=version, preset="trusted_private_chat", invite=[bob.user_id])
    await bob.join(room)
    await bob.send_state(room, "m.room.name", {"name": "Ours"})
    create = await alice.state_content(room, "m.room.create")
    assert create["room_version"] == version
    assert create.get("additional_creators") == ([bob.user_id] if version == "12" else None)


async def test_the_creator_may_say_more_but_not_who_they_are(client: Client) -> None:
    alice = await client.register()
    content = {"type": "m.space", "creator": "@else:hs.test", "room_version": "1", "m.federate": False}
    create = await alice.state_content(
        await alice.create_room(room_version="10", creation_content=content), "m.room.create"
    )
    assert create == {"type": "m.space", "creator": alice.user_id, "room_version": "10", "m.federate": False}


@pytest.mark.parametrize(
    ("body", "status", "errcode"),
    [
        ({"room_version": "none"}, 400, "M_UNSUPPORTED_ROOM_VERSION"),
        ({"preset": "none"}, 400, "M_INVALID_PARAM"),
        ({"visibility": 1}, 400, "M_BAD_JSON"),
        ({"invite": ["nobody"]}, 400, "M_INVALID_PARAM"),
        ({"invite": "@a:hs.test"}, 400, "M_BAD_JSON"),
        ({"invite_3pid": [{"medium": "email"}]}, 403, "M_SERVER_NOT_TRUSTED"),
        ({"initial_state": [{"type": "m.room.name"}]}, 400, "M_MISSING_PARAM"),
        ({"initial_state": [{"type": "m.room.create", "content": {}}]}, 400, "M_INVALID_ROOM_STATE"),
        ({"initial_state": [{"type": "x", "content": {"number": 1.5}}]}, 400, "M_BAD_JSON"),
        ({"initial_state": [{"type": "x" * 300, "content": {}}]}, 413, "M_TOO_LARGE"),
        ({"power_level_content_override": {"users": {"@a:hs.test": "all"}}}, 400, "M_INVALID_ROOM_STATE"),
        (
            {"room_version": "11", "power_level_content_override": {"users": {}}, "name": "x"},
            400,
            "M_INVALID_ROOM_STATE",
        ),
        ({"room_alias_name": "with space"}, 400, "M_INVALID_PARAM"),
        ({"room_alias_name": "with:colon"}, 400, "M_INVALID_PARAM"),
        ({"room_alias_name": "x" * 300}, 400, "M_INVALID_PARAM"),
        ({"room_alias_name": ""}, 400, "M_INVALID_PARAM"),
        ({"name": "x" * 70_000}, 413, "M_TOO_LARGE"),
        ({"creation_content": {"additional_creators": [1]}}, 400, "M_INVALID_ROOM_STATE"),
        ({"creation_content": []}, 400, "M_BAD_JSON"),
        ([], 400, "M_BAD_JSON"),
    ],
)
async def test_what_cannot_be_made_is_refused(client: Client, body: Any, status: int, errcode: str) -> None:
    alice = await client.register()
    assert await alice.error("POST", "/createRoom", json=body) == (status, errcode)
    assert (await alice.request("GET", "/joined_rooms"))["joined_rooms"] == []


async def test_a_room_that_was_not_made_leaves_its_alias_free(client: Client) -> None:
    alice = await client.register()
    name = f"room-{alice.localpart}"
    bad = {"room_alias_name": name, "initial_state": [{"type": "m.room.create", "content": {}}]}
    assert await alice.error("POST", "/createRoom", json=bad) == (400, "M_INVALID_ROOM_STATE")
    assert await alice.error("GET", path("directory", "room", f"#{name}:hs.test")) == (404, "M_NOT_FOUND")
    room = await alice.create_room(room_alias_name=name)
    assert (await alice.request("GET", path("directory", "room", f"#{name}:hs.test")))["room_id"] == room
    assert await alice.error("POST", "/createRoom", json={"room_alias_name": name}) == (400, "M_ROOM_IN_USE")


async def test_rooms_that_are_made_in_the_same_moment_are_different_rooms(client: Client) -> None:
    alice = await client.register()
    rooms = await asyncio.gather(*[alice.create_room() for _ in range(10)])
    assert len(set(rooms)) == 10
