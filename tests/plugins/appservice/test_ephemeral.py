"""Who types, who is online, and how far they have read: for services that want to hear of it."""

from __future__ import annotations

from hs_core.testing.client import User
from hs_core.testing.http import Json, path
from tests.plugins.appservice.bridges import puppet
from tests.plugins.appservice.conftest import Site


async def overheard(site: Site) -> tuple[User, str]:
    """Somebody, and a room of theirs in which the service is interested."""
    alice = await site.client.register()
    room = await alice.create_room(preset="public_chat")
    await alice.request("PUT", path("directory", "room", f"#log-{room[1:8]}:hs.test"), json={"room_id": room})
    return alice, room


def of(site: Site, kind: str, room: str) -> list[Json]:
    return [each for each in site.log.ephemeral if each["type"] == kind and each.get("room_id") == room]


async def test_a_service_hears_who_types(site: Site) -> None:
    alice, room = await overheard(site)
    where = path("rooms", room, "typing", alice.user_id)

    await alice.request("PUT", where, json={"typing": True, "timeout": 30_000})
    await site.log.until(lambda: len(of(site, "m.typing", room)) == 1)
    await alice.request("PUT", where, json={"typing": False})
    await site.log.until(lambda: len(of(site, "m.typing", room)) == 2)

    assert of(site, "m.typing", room) == [
        {"type": "m.typing", "room_id": room, "content": {"user_ids": [alice.user_id]}},
        {"type": "m.typing", "room_id": room, "content": {"user_ids": []}},
    ]


async def test_a_service_hears_how_far_others_have_read(site: Site) -> None:
    alice, room = await overheard(site)
    event = await alice.send_text(room, "read me")
    private = await alice.send_text(room, "read me in private")

    await alice.request("POST", path("rooms", room, "receipt", "m.read.private", private), json={})
    await alice.request("POST", path("rooms", room, "receipt", "m.read", event), json={})
    await site.log.until(lambda: len(of(site, "m.receipt", room)) > 0)

    (receipt,) = of(site, "m.receipt", room)
    assert set(receipt["content"]) == {event}
    assert set(receipt["content"][event]["m.read"]) == {alice.user_id}


async def test_private_receipts_are_for_the_service_of_their_user(site: Site) -> None:
    body = {"username": "loud-reader", "auth": {"type": "m.login.dummy"}}
    reader = User(site.client, await site.client.request("POST", "/register", json=body), None)
    room = await reader.create_room()
    event = await reader.send_text(room, "read me in private")

    await reader.request("POST", path("rooms", room, "receipt", "m.read.private", event), json={})
    await site.log.until(lambda: len(of(site, "m.receipt", room)) > 0)

    assert set(of(site, "m.receipt", room)[0]["content"][event]) == {"m.read.private"}


async def test_a_service_hears_who_is_online(site: Site) -> None:
    alice, _ = await overheard(site)
    bob = await site.client.register()

    await bob.request("PUT", path("presence", bob.user_id, "status"), json={"presence": "online"})
    await alice.request("PUT", path("presence", alice.user_id, "status"), json={"presence": "online"})
    await site.log.until(lambda: any(each.get("sender") == alice.user_id for each in site.log.ephemeral))

    heard = [each for each in site.log.ephemeral if each["type"] == "m.presence"]
    assert alice.user_id in {each["sender"] for each in heard if each["content"]["presence"] == "online"}
    assert bob.user_id not in {each["sender"] for each in heard}


async def test_a_service_hears_who_types_while_its_users_are_there(site: Site) -> None:
    body = {"username": "loud-listener", "auth": {"type": "m.login.dummy"}}
    listener = User(site.client, await site.client.request("POST", "/register", json=body), None)
    alice = await site.client.register()
    room, other = [await alice.create_room(preset="public_chat") for _ in range(2)]

    async def types(where: str, begins: bool) -> None:
        body = {"typing": begins, "timeout": 30_000}
        await alice.request("PUT", path("rooms", where, "typing", alice.user_id), json=body)

    await listener.join(room)
    await types(room, True)
    await site.log.until(lambda: len(of(site, "m.typing", room)) == 1)
    await types(room, False)
    await site.log.until(lambda: len(of(site, "m.typing", room)) == 2)
    await listener.leave(room)
    await types(room, True)
    await listener.join(other)
    await types(other, True)
    await site.log.until(lambda: len(of(site, "m.typing", other)) == 1)

    assert len(of(site, "m.typing", room)) == 2


async def test_who_does_not_ask_for_it_hears_nothing_of_that(site: Site) -> None:
    alice, bob = await site.client.register(), await puppet(site.client, site.irc, "typist")
    room = await bob.create_room(preset="public_chat")
    await alice.join(room)
    await alice.request("PUT", path("rooms", room, "typing", alice.user_id), json={"typing": True, "timeout": 30_000})
    await alice.send_text(room, "typed")
    await site.irc.hears("typed")

    assert all("ephemeral" not in each for each in site.irc.taken)
