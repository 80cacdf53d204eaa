"""Aliases of rooms."""

from hs_core.testing.client import Client
from hs_core.testing.http import path


def _alias(name: str) -> str:
    return path("directory", "room", f"#{name}:hs.test")


async def test_a_member_gives_a_room_an_alias_by_which_it_is_found(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat")
    where = _alias(f"the pub/{alice.localpart}".replace(" ", "-"))
    await alice.request("PUT", where, json={"room_id": room})
    assert await client.request("GET", where) == {"room_id": room, "servers": ["hs.test"]}
    assert await alice.error("PUT", where, json={"room_id": room}) == (409, "M_UNKNOWN")
    assert (await alice.request("GET", path("rooms", room, "aliases")))["aliases"] == [
        f"#the-pub/{alice.localpart}:hs.test"
    ]
    assert await bob.join(f"#the-pub/{alice.localpart}:hs.test") == room


async def test_strangers_give_a_room_no_alias(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room()
    assert await bob.error("PUT", _alias(bob.localpart), json={"room_id": room}) == (403, "M_FORBIDDEN")
    assert await bob.error("GET", path("rooms", room, "aliases")) == (403, "M_FORBIDDEN")


async def test_bad_aliases_are_refused(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    body = {"room_id": room}
    for alias in ("none", "#none", "#a:other.test", "#:hs.test", "#a b:hs.test", "#" + "x" * 300 + ":hs.test"):
        where = path("directory", "room", alias)
        assert await alice.error("PUT", where, json=body) == (400, "M_INVALID_PARAM"), alias
    assert await alice.error("PUT", _alias("x"), json={}) == (400, "M_MISSING_PARAM")
    assert await alice.error("PUT", _alias("x"), json={"room_id": "x"}) == (400, "M_INVALID_PARAM")
    assert await client.error("GET", path("directory", "room", "none")) == (400, "M_INVALID_PARAM")
    assert await client.error("GET", _alias("nobody-has-it")) == (404, "M_NOT_FOUND")
    assert await client.error("GET", path("directory", "room", "#a:other.test")) == (404, "M_NOT_FOUND")


async def test_an_alias_is_deleted_by_who_made_it_or_has_the_power(client: Client) -> None:
    alice, bob, carol = await client.register(), await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    await carol.join(room)
    for name in ("one", "two"):
        await bob.request("PUT", _alias(f"{name}-{bob.localpart}"), json={"room_id": room})
    one, two = _alias(f"one-{bob.localpart}"), _alias(f"two-{bob.localpart}")
    assert await carol.error("DELETE", one) == (403, "M_FORBIDDEN")
    await bob.request("DELETE", one)
    await alice.request("DELETE", two)
    assert await alice.error("DELETE", two) == (404, "M_NOT_FOUND")


async def test_a_deleted_alias_is_no_longer_the_canonical_one(client: Client) -> None:
    alice = await client.register()
    name = alice.localpart
    room = await alice.create_room(room_alias_name=name)
    await alice.request("PUT", _alias(f"{name}-2"), json={"room_id": room})
    aliases = {"alias": f"#{name}:hs.test", "alt_aliases": [f"#{name}-2:hs.test", f"#{name}:hs.test"]}
    await alice.send_state(room, "m.room.canonical_alias", aliases)
    await alice.request("DELETE", _alias(name))
    assert await alice.state_content(room, "m.room.canonical_alias") == {"alt_aliases": [f"#{name}-2:hs.test"]}


async def test_an_administrator_deletes_any_alias(client: Client) -> None:
    alice, admin = await client.register(), await client.register(admin=True)
    await alice.create_room(room_alias_name=alice.localpart)
    await admin.request("DELETE", _alias(alice.localpart))
    assert await client.error("GET", _alias(alice.localpart)) == (404, "M_NOT_FOUND")
