"""What users have set for a room is true of the one that replaces it (client-server API, "Room Upgrades")."""

from hs_core.testing.client import Client, User
from hs_core.testing.http import Json, path
from hs_core.testing.sync import Sync


async def tag(user: User, room: str, name: str) -> None:
    await user.request("PUT", user.path("rooms", room, "tags", name), json={"order": 0.5})


async def tags(user: User, room: str) -> Json:
    found: Json = (await user.request("GET", user.path("rooms", room, "tags")))["tags"]
    return found


def tagged(sync: Sync, room: str) -> bool:
    return any(event["type"] == "m.tag" for event in sync.events(room, "account_data"))


async def upgrade(user: User, room: str) -> str:
    body = {"new_version": "11"}
    new: str = (await user.request("POST", path("rooms", room, "upgrade"), json=body))["replacement_room"]
    return new


async def test_tags_follow_whoever_joins_the_new_room_and_whoever_made_it(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    old = await alice.create_room(preset="public_chat")
    await bob.join(old)
    for user in (alice, bob):
        await tag(user, old, "u.mine")
    new = await upgrade(alice, old)
    await alice.sync_until(lambda sync: tagged(sync, new))
    assert await tags(alice, new) == {"u.mine": {"order": 0.5}}
    assert await tags(bob, new) == {}
    await bob.join(new)
    assert await tags(bob, new) == {"u.mine": {"order": 0.5}}
    assert await tags(bob, old) == {"u.mine": {"order": 0.5}}


async def test_tags_that_the_new_room_has_already_stay(client: Client) -> None:
    alice, bob, carol = await client.register(), await client.register(), await client.register()
    old = await alice.create_room(preset="public_chat")
    for user in (bob, carol):
        await user.join(old)
        await tag(user, old, "u.old")
    new = await upgrade(alice, old)
    await tag(bob, new, "u.new")
    await bob.join(new)
    await carol.join(new)
    assert await tags(carol, new) == {"u.old": {"order": 0.5}}
    assert await tags(bob, new) == {"u.new": {"order": 0.5}}


async def test_a_room_that_only_claims_to_replace_another_gets_nothing(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    old, other = [await alice.create_room(preset="public_chat") for _ in range(2)]
    for room in (old, other):
        await bob.join(room)
        await tag(bob, room, "u.mine")
    predecessor = {"predecessor": {"room_id": old, "event_id": "$none"}}
    liar = await alice.create_room(preset="public_chat", creation_content=predecessor)
    await bob.join(liar)
    new = await upgrade(alice, other)
    await bob.join(new)
    assert await tags(bob, new) == {"u.mine": {"order": 0.5}}
    assert await tags(bob, liar) == {}
