"""Members that are loaded lazily, and summaries of who is there."""

from hs_core.testing.client import Client, User
from hs_core.testing.http import Json
from hs_core.testing.sync import Sync

LAZY: Json = {"room": {"state": {"lazy_load_members": True}, "timeline": {"limit": 1}}}
REDUNDANT: Json = {
    "room": {"state": {"lazy_load_members": True, "include_redundant_members": True}, "timeline": {"limit": 1}}
}


async def _room(client: Client) -> tuple[str, User, User, User]:
    alice, bob, carol = [await client.register() for _ in range(3)]
    room = await alice.create_room(preset="public_chat", name="room")
    await bob.join(room)
    await carol.join(room)
    return room, alice, bob, carol


def _members(sync: Sync, room: str, part: str = "state") -> set[str]:
    return {event["state_key"] for event in sync.events(room, part) if event["type"] == "m.room.member"}


async def test_only_those_who_speak_and_the_reader_are_in_the_first_state(client: Client) -> None:
    room, alice, bob, _ = await _room(client)
    await bob.send_text(room, "hi")

    sync = await alice.sync(filter=LAZY)

    assert _members(sync, room) == {alice.user_id, bob.user_id}
    assert "m.room.name" in {event["type"] for event in sync.events(room, "state")}


async def test_members_are_told_once_unless_the_client_wants_them_again(client: Client) -> None:
    room, alice, bob, carol = await _room(client)
    await bob.send_text(room, "one")
    first = await alice.sync(filter=LAZY)
    await bob.send_text(room, "two")
    await carol.send_text(room, "three")

    second = await alice.sync(first.next_batch, filter=LAZY)
    await carol.send_text(room, "four")
    third = await alice.sync(second.next_batch, filter=LAZY)
    again = await alice.sync(second.next_batch, filter=REDUNDANT)

    assert _members(second, room) == {carol.user_id}
    assert _members(third, room) == set()
    assert _members(again, room) == {carol.user_id}


async def test_a_member_whose_response_was_lost_is_told_again(client: Client) -> None:
    room, alice, bob, carol = await _room(client)
    await bob.send_text(room, "one")
    first = await alice.sync(filter=LAZY)
    await carol.send_text(room, "two")

    for _ in range(2):
        assert _members(await alice.sync(first.next_batch, filter=LAZY), room) == {carol.user_id}


async def test_who_came_or_went_in_a_gap_is_told_of(client: Client) -> None:
    room, alice, bob, carol = await _room(client)
    first = await alice.sync(filter=LAZY)
    await carol.leave(room)
    await bob.send_text(room, "one")
    await bob.send_text(room, "two")

    sync = await alice.sync(first.next_batch, filter=LAZY)

    assert sync.rooms()[room]["timeline"]["limited"]
    assert {carol.user_id, bob.user_id} == _members(sync, room)


async def test_heroes_of_a_room_without_a_name_are_among_the_members(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(invite=[bob.user_id])
    await alice.send_text(room, "hi")

    sync = await alice.sync(filter=LAZY)

    summary = sync.rooms()[room]["summary"]
    assert summary == {"m.heroes": [bob.user_id], "m.joined_member_count": 1, "m.invited_member_count": 1}
    assert _members(sync, room) == {alice.user_id, bob.user_id}


async def test_the_summary_is_told_when_members_change(client: Client) -> None:
    room, alice, bob, _carol = await _room(client)
    first = await alice.sync()
    await bob.send_text(room, "hi")
    second = await alice.sync(first.next_batch)
    await bob.leave(room)
    third = await alice.sync(second.next_batch)

    assert "summary" not in second.rooms()[room]
    assert third.rooms()[room]["summary"]["m.joined_member_count"] == 2


async def test_the_heroes_of_a_room_that_all_left_are_those_who_left(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(invite=[bob.user_id])
    await bob.join(room)
    await bob.leave(room)

    assert (await alice.sync()).rooms()[room]["summary"]["m.heroes"] == [bob.user_id]
