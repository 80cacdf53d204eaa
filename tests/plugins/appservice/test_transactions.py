"""What a service is told: which events, in which form and order."""

from __future__ import annotations

from tests.plugins.appservice.bridges import Puppet, puppet
from tests.plugins.appservice.conftest import Site


async def test_a_service_hears_what_is_said_where_its_users_are(site: Site) -> None:
    alice, bob = await site.client.register(), await puppet(site.client, site.irc, "bob")
    room = await alice.create_room(preset="public_chat")
    other = await alice.create_room(preset="public_chat")
    await alice.send_text(room, "too early")
    await bob.join(room)
    sent = await alice.send_text(room, "hello")
    await alice.send_text(other, "not for bob")
    await bob.leave(room)
    await alice.send_text(room, "too late")
    last = await alice.create_room(preset="public_chat")
    await bob.join(last)
    await alice.send_text(last, "the end")

    event = await site.irc.hears("the end")
    heard = [each for each in site.irc.events if each["room_id"] == room]

    assert event["room_id"] == last
    assert [each["content"].get("body") or each["content"].get("membership") for each in heard] == [
        "join",
        "hello",
        "leave",
    ]
    hello = heard[1]
    assert isinstance(hello.pop("unsigned").pop("age"), int)
    assert isinstance(hello.pop("origin_server_ts"), int)
    assert hello == {
        "type": "m.room.message",
        "room_id": room,
        "sender": alice.user_id,
        "event_id": sent,
        "content": {"msgtype": "m.text", "body": "hello"},
    }
    assert heard[2]["unsigned"]["prev_content"]["membership"] == "join"
    assert "not for bob" not in site.irc.texts


async def test_requests_prove_who_asks(site: Site) -> None:
    alice, bob = await site.client.register(), await puppet(site.client, site.irc, "prover")
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    await alice.send_text(room, "who is it?")
    await site.irc.hears("who is it?")

    assert {told.token for told in site.irc.told} == {site.irc.registration["hs_token"]}
    assert len({told.path for told in site.irc.asked("/_matrix/app/v1/transactions/")}) == len(site.irc.taken)


async def test_an_invitation_comes_with_what_the_invited_may_know(site: Site) -> None:
    alice, carol = await site.client.register(), await puppet(site.client, site.irc, "carol")
    room = await alice.create_room(name="Lobby")
    await alice.invite(room, carol.user_id)
    await site.irc.until(lambda: any(each["room_id"] == room for each in site.irc.events))

    invitation = next(each for each in site.irc.events if each["room_id"] == room)

    assert (invitation["state_key"], invitation["content"]["membership"]) == (carol.user_id, "invite")
    assert "Lobby" in str(invitation["unsigned"]["invite_room_state"])


async def test_a_service_hears_of_rooms_with_its_aliases(site: Site) -> None:
    alice = await site.client.register()
    room = await alice.create_room(preset="public_chat")
    await alice.send_text(room, "without a name")
    await alice.request("PUT", f"/directory/room/%23log-{room[1:8]}:hs.test", json={"room_id": room})
    await alice.send_text(room, "with a name")

    await site.log.hears("with a name")

    assert "with a name" not in site.irc.texts


async def test_a_service_hears_its_own_users_in_their_order(site: Site) -> None:
    bot = Puppet(site.client, site.irc)
    await puppet(site.client, site.irc, "bot")
    room = await bot.create_room()
    for number in range(30):
        await bot.send_text(room, f"number {number}")
    await site.irc.hears("number 29")

    told = [each for each in site.irc.events if each["room_id"] == room]

    assert told[0]["type"] == "m.room.create"
    numbers = [each["content"]["body"] for each in told if each["type"] == "m.room.message"]
    assert numbers == [f"number {number}" for number in range(30)]
    assert len({each["event_id"] for each in told}) == len(told)
