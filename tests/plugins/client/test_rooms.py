"""Rooms are made, joined, talked in and left."""

from hs_core.testing.client import Client


async def test_who_joins_a_public_room_can_talk_in_it(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat", name="Lobby")
    assert await bob.join(room) == room
    assert (await bob.send_text(room, "hi")).startswith("$")


async def test_who_was_not_invited_cannot_join_a_private_room(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="private_chat")
    assert await bob.error("POST", f"/rooms/{room}/join", json={}) == (403, "M_FORBIDDEN")
    await alice.invite(room, bob.user_id)
    await bob.join(room)
    await bob.leave(room)
    assert await bob.error("PUT", f"/rooms/{room}/send/m.room.message/1", json={}) == (403, "M_FORBIDDEN")
