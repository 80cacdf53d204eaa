"""What push gateways are told."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from hs_core.testing.client import Client, User
from hs_core.testing.http import Json, path
from tests.plugins.notifications.acts import mention, reads, room_of
from tests.plugins.pusher.gateways import PushGateway, gateway, pushers, set_pusher


async def sent(user: User, room: str, body: str = "hello", **content: Any) -> str:
    return await user.send(room, "m.room.message", {"msgtype": "m.text", "body": body, **content})


async def test_a_message_is_told_with_all_that_is_known_of_it(client: Client, push_gateway: PushGateway) -> None:
    alice, bob = await client.register(), await client.register()
    await bob.request("PUT", path("profile", bob.user_id, "displayname"), json={"displayname": "Bob"})
    room = await room_of(alice, bob, await client.register(), name="Kitchen")
    await set_pusher(alice, push_gateway.url, data={"custom": [1], "format": None})

    event = await sent(bob, room, "tea?")

    told = await push_gateway.event(event)
    device = told["devices"][0]
    assert device.pop("pushkey_ts") > 1_500_000_000
    assert told == {
        "id": event,
        "event_id": event,
        "room_id": room,
        "type": "m.room.message",
        "sender": bob.user_id,
        "sender_display_name": "Bob",
        "room_name": "Kitchen",
        "prio": "low",
        "content": {"msgtype": "m.text", "body": "tea?"},
        "counts": {"unread": 1},
        "devices": [
            {
                "app_id": "org.example.app",
                "pushkey": "key",
                "data": {"custom": [1], "format": None},
                "tweaks": {},
            }
        ],
    }
    assert push_gateway.requests[0].headers["content-type"] == "application/json"


async def test_only_ids_and_counts_are_told_where_that_is_asked_for(client: Client, push_gateway: PushGateway) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob, name="Kitchen")
    await set_pusher(alice, push_gateway.url, data={"format": "event_id_only"})

    event = await mention(bob, room, alice)

    told = await push_gateway.event(event)
    assert {key: value for key, value in told.items() if key != "devices"} == {
        "event_id": event,
        "room_id": room,
        "prio": "high",
        "counts": {"unread": 1},
    }
    assert told["devices"][0]["data"] == {"format": "event_id_only"}


async def test_a_mention_is_urgent_and_has_tweaks(client: Client, push_gateway: PushGateway) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    await set_pusher(alice, push_gateway.url)

    told = await push_gateway.event(await mention(bob, room, alice))

    assert told["prio"] == "high"
    assert told["devices"][0]["tweaks"]["highlight"] is True
    assert "room_name" not in told


async def test_an_invitation_says_so_and_names_the_room(client: Client, push_gateway: PushGateway) -> None:
    alice, bob = await client.register(), await client.register()
    await set_pusher(alice, push_gateway.url)
    room = await bob.create_room(name="Garden")

    await bob.invite(room, alice.user_id)

    await push_gateway.until(lambda: push_gateway.told)
    told = push_gateway.told[0]
    assert (told["type"], told["membership"], told["user_is_target"]) == ("m.room.member", "invite", True)
    assert (told["room_id"], told["sender"], told["room_name"]) == (room, bob.user_id, "Garden")


async def test_a_room_without_a_name_goes_by_its_alias(client: Client, push_gateway: PushGateway) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(bob, alice, room_alias_name=f"kitchen-{bob.localpart}")
    await set_pusher(alice, push_gateway.url)

    told = await push_gateway.event(await sent(bob, room))

    alias = f"#kitchen-{bob.localpart}:{bob.server_name}"
    assert (told["room_name"], told["room_alias"]) == (alias, alias)


async def test_events_are_told_in_order_and_once(client: Client, push_gateway: PushGateway) -> None:
    alice, bob, carol = await client.register(), await client.register(), await client.register()
    rooms = [await room_of(alice, bob, carol) for _ in range(2)]
    await set_pusher(alice, push_gateway.url)

    events = [await sent(user, room) for _ in range(10) for user in (bob, carol) for room in rooms]

    await push_gateway.event(events[-1])
    assert push_gateway.events == events
    assert push_gateway.told[-1]["counts"] == {"unread": len(events)}


async def test_what_one_says_oneself_and_muted_rooms_are_not_told(client: Client, push_gateway: PushGateway) -> None:
    alice, bob = await client.register(), await client.register()
    room, muted = await room_of(alice, bob), await room_of(alice, bob)
    await alice.request("PUT", path("pushrules", "global", "room", muted), json={"actions": []})
    await set_pusher(alice, push_gateway.url)

    await sent(alice, room)
    await sent(bob, muted)
    loud = await mention(bob, muted, alice)
    last = await sent(bob, room)

    await push_gateway.event(last)
    assert push_gateway.events == [loud, last]


async def test_what_was_said_before_there_was_a_pusher_is_not_told(client: Client, push_gateway: PushGateway) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    async with gateway() as earlier:
        await set_pusher(alice, earlier.url, "earlier")
        first = await sent(bob, room)
        await earlier.event(first)
        await set_pusher(alice, push_gateway.url, "later")
        second = await sent(bob, room)
        await push_gateway.event(second)
        await earlier.event(second)

    assert push_gateway.events == [second]
    assert push_gateway.told[0]["counts"] == {"unread": 2}


async def test_when_something_is_read_the_badge_is_told(client: Client, push_gateway: PushGateway) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    await set_pusher(alice, push_gateway.url)
    events = [await sent(bob, room) for _ in range(3)]
    await push_gateway.event(events[-1])

    await reads(alice, room, events[0])
    told = await push_gateway.badge(2)
    await reads(alice, room, events[2], "m.read.private")
    await push_gateway.badge(0)

    assert set(told) == {"counts", "prio", "devices"}
    assert told["devices"][0]["pushkey"] == "key"


@pytest.mark.parametrize("act", ["speak", "leave", "redact"])
async def test_other_ways_to_have_less_to_read(client: Client, push_gateway: PushGateway, act: str) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(bob, alice)
    await set_pusher(alice, push_gateway.url)
    event = await sent(bob, room)
    await push_gateway.event(event)

    if act == "speak":
        await sent(alice, room)
    elif act == "leave":
        await alice.leave(room)
    else:
        await bob.request("PUT", path("rooms", room, "redact", event, "1"), json={})

    await push_gateway.badge(0)


async def test_a_rejected_pushkey_is_told_nothing_more(client: Client, push_gateway: PushGateway) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    await set_pusher(alice, push_gateway.url, "good")
    await set_pusher(alice, push_gateway.url, "bad")

    async def reject(notification: Json) -> web.Response:
        return web.json_response({"rejected": ["bad", "somebody else's"]})

    push_gateway.answer = reject
    await sent(bob, room)
    await push_gateway.until(lambda: len(push_gateway.told) == 2)
    second = await sent(bob, room)
    await push_gateway.event(second)
    third = await sent(bob, room)
    await push_gateway.event(third)

    assert [pusher["pushkey"] for pusher in await pushers(alice)] == ["good"]
    keys = [told["devices"][0]["pushkey"] for told in push_gateway.told]
    assert sorted(keys) == ["bad", "good", "good", "good"]


async def test_who_logs_out_is_told_nothing_more(client: Client, push_gateway: PushGateway) -> None:
    alice, bob = await client.register(), await client.register()
    phone = await client.login(alice.user_id)
    room = await room_of(alice, bob)
    await set_pusher(phone, push_gateway.url, "phone")
    await set_pusher(alice, push_gateway.url, "desktop")
    first = await sent(bob, room)
    await push_gateway.until(lambda: push_gateway.events == [first, first])

    await phone.logout()
    assert [pusher["pushkey"] for pusher in await pushers(alice)] == ["desktop"]
    second = await sent(bob, room)
    third = await sent(bob, room)
    await push_gateway.event(third)

    assert push_gateway.events == [first, first, second, third]
