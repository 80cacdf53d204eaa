"""Two people with matrix-nio, a client that checks every response against schemas of its own."""

from __future__ import annotations

from typing import Any

import nio

from hs_core.testing.homeserver import Homeserver
from tests.clients.nio_client import good, logged_in, needs, register, sync_until, text_in


def _text(body: str, **more: Any) -> dict[str, Any]:
    return {"msgtype": "m.text", "body": body, **more}


async def _say(client: nio.AsyncClient, room: str, content: dict[str, Any]) -> str:
    event: str = good(nio.RoomSendResponse, await client.room_send(room, "m.room.message", content)).event_id
    return event


async def test_two_people_meet_in_a_room_and_talk(server: Homeserver) -> None:
    alice_id, bob_id = await register(server), await register(server)
    async with logged_in(server, alice_id) as alice, logged_in(server, bob_id) as bob:
        made = good(nio.RoomCreateResponse, await alice.room_create(name="Tea", topic="Milk first?", invite=[bob_id]))
        room = made.room_id

        invite = await sync_until(bob, lambda sync: sync.rooms.invite.get(room))
        assert any(
            isinstance(event, nio.InviteMemberEvent) and event.sender == alice_id for event in invite.invite_state
        )
        good(nio.JoinResponse, await bob.join(room))
        await sync_until(bob, lambda sync: sync.rooms.join.get(room))
        assert bob.rooms[room].name == "Tea"
        assert bob.rooms[room].topic == "Milk first?"
        assert set(bob.rooms[room].users) == {alice_id, bob_id}

        await _say(alice, room, _text("Milk last"))
        heard = await sync_until(bob, text_in(room, "Milk last"))
        assert heard.sender == alice_id

        good(nio.RoomLeaveResponse, await bob.room_leave(room))
        await sync_until(bob, lambda sync: sync.rooms.leave.get(room))
        good(nio.RoomForgetResponse, await bob.room_forget(room))
        assert room not in good(nio.JoinedRoomsResponse, await bob.joined_rooms()).rooms


async def test_an_edit_says_what_it_replaces(server: Homeserver) -> None:
    alice_id = await register(server)
    async with logged_in(server, alice_id) as alice:
        room = good(nio.RoomCreateResponse, await alice.room_create()).room_id
        first = await _say(alice, room, _text("tpyo"))
        relation = {"rel_type": "m.replace", "event_id": first}
        edit = _text("* typo", **{"m.new_content": _text("typo"), "m.relates_to": relation})
        await _say(alice, room, edit)

        seen = await sync_until(alice, text_in(room, "* typo"))
        assert seen.source["content"]["m.relates_to"] == relation
        original = good(nio.RoomGetEventResponse, await alice.room_get_event(room, first)).event
        assert original.source["unsigned"]["m.relations"]["m.replace"]["content"]["m.new_content"]["body"] == "typo"


async def test_a_redacted_message_keeps_its_place_but_not_its_words(server: Homeserver) -> None:
    alice_id = await register(server)
    async with logged_in(server, alice_id) as alice:
        room = good(nio.RoomCreateResponse, await alice.room_create()).room_id
        event = await _say(alice, room, _text("regrettable"))
        good(nio.RoomRedactResponse, await alice.room_redact(room, event, reason="manners"))

        gone = good(nio.RoomGetEventResponse, await alice.room_get_event(room, event)).event
        assert isinstance(gone, nio.RedactedEvent)
        assert gone.reason == "manners"


async def test_scrolling_back_shows_everything_once_and_ends(server: Homeserver) -> None:
    alice_id = await register(server)
    async with logged_in(server, alice_id) as alice:
        room = good(nio.RoomCreateResponse, await alice.room_create()).room_id
        for n in range(25):
            await _say(alice, room, _text(f"line {n}"))
        joined = await sync_until(alice, lambda sync: sync.rooms.join.get(room))

        seen = [each.body for each in joined.timeline.events[::-1] if isinstance(each, nio.RoomMessageText)]
        start: str | None = joined.timeline.prev_batch
        pages = 0
        while start is not None and pages < 20:
            page = good(nio.RoomMessagesResponse, await alice.room_messages(room, start, limit=7))
            seen += [each.body for each in page.chunk if isinstance(each, nio.RoomMessageText)]
            start, pages = page.end, pages + 1
        assert seen == [f"line {n}" for n in reversed(range(25))]
        assert start is None


@needs("typing", "receipts", "profile")
async def test_typing_receipts_and_names_reach_the_other(server: Homeserver) -> None:
    alice_id, bob_id = await register(server), await register(server)
    async with logged_in(server, alice_id) as alice, logged_in(server, bob_id) as bob:
        preset = nio.RoomPreset.public_chat
        room = good(nio.RoomCreateResponse, await alice.room_create(preset=preset)).room_id
        good(nio.JoinResponse, await bob.join(room))
        event = await _say(alice, room, _text("psst"))
        await sync_until(alice, text_in(room, "psst"))

        good(nio.RoomTypingResponse, await bob.room_typing(room, True))
        await sync_until(alice, lambda _: alice.rooms[room].typing_users == [bob_id] or None)
        good(nio.UpdateReceiptMarkerResponse, await bob.update_receipt_marker(room, event))
        seen = await sync_until(alice, lambda _: alice.rooms[room].threaded_read_receipts.get(bob_id))
        assert seen["main"].event_id == event
        good(nio.ProfileSetDisplayNameResponse, await bob.set_displayname("Bob the Quiet"))
        await sync_until(alice, lambda _: alice.rooms[room].user_name(bob_id) == "Bob the Quiet" or None)


async def test_a_token_is_worth_nothing_after_logging_out(server: Homeserver) -> None:
    alice_id = await register(server)
    async with logged_in(server, alice_id) as alice, logged_in(server, alice_id) as phone:
        token = alice.access_token
        good(nio.LogoutResponse, await alice.logout())
        alice.access_token = token

        assert good(nio.WhoamiError, await alice.whoami()).status_code == "M_UNKNOWN_TOKEN"
        assert good(nio.WhoamiResponse, await phone.whoami()).user_id == alice_id
