"""State at the start or the end of timelines, departures and returns, redactions."""

from typing import Any

from hs_core.testing.client import Client
from hs_core.testing.http import Json

ONE: Json = {"room": {"timeline": {"limit": 1}}}


def _topics(events: list[Any]) -> list[str]:
    return [event["content"]["topic"] for event in events if event["type"] == "m.room.topic"]


async def test_state_after_is_the_state_at_the_end_of_the_timeline(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    first = await alice.sync(use_state_after="true")
    await alice.send_state(room, "m.room.topic", {"topic": "one"})
    await alice.send_state(room, "m.room.topic", {"topic": "two"})
    second = await alice.sync(first.next_batch, use_state_after="true")

    assert "m.room.create" in {event["type"] for event in first.events(room, "state_after")}
    assert "state" not in first.rooms()[room]
    assert _topics(second.events(room, "state_after")) == ["two"]
    assert _topics(second.timeline(room)) == ["one", "two"]


async def test_full_state_is_told_on_demand(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    since = (await alice.sync()).next_batch

    sync = await alice.sync(since, timeout=30_000, full_state="true")

    assert "m.room.create" in {event["type"] for event in sync.events(room, "state")}
    assert sync.timeline(room) == []


async def test_a_room_that_was_left_and_joined_again_is_shown_with_its_whole_state(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    since = (await bob.sync()).next_batch
    await bob.leave(room)
    await alice.send_text(room, "meanwhile")
    await bob.join(room)

    sync = await bob.sync(since)

    assert room not in sync.rooms("leave")
    assert sync.texts(room) == ["meanwhile"]
    assert "m.room.create" in {event["type"] for event in sync.events(room, "state")}


async def test_a_room_that_was_joined_and_left_between_two_syncs_is_among_those_left(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat")
    since = (await bob.sync()).next_batch
    await bob.join(room)
    await bob.leave(room)

    left = (await bob.sync(since)).rooms("leave")[room]

    memberships = [event["content"].get("membership") for event in left["timeline"]["events"][-2:]]
    assert memberships == ["join", "leave"]
    known = {event["type"] for event in left["state"]["events"] + left["timeline"]["events"]}
    assert "m.room.create" in known


async def test_who_refuses_an_invite_learns_nothing_of_the_room(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(invite=[bob.user_id])
    since = (await bob.sync()).next_batch
    await alice.send_text(room, "secret")
    await bob.leave(room)

    left = (await bob.sync(since)).rooms("leave")[room]

    assert [event["content"]["membership"] for event in left["timeline"]["events"]] == ["leave"]
    assert left["state"]["events"] == []
    archived = await bob.sync(filter={"room": {"include_leave": True}})
    assert archived.rooms("leave")[room]["state"]["events"] == []


async def test_what_happens_after_a_ban_stays_unknown_and_a_forgotten_room_is_not_shown(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    await alice.ban(room, bob.user_id)
    await alice.send_state(room, "m.room.topic", {"topic": "secret"})
    archived: Json = {"room": {"include_leave": True}}

    left = (await bob.sync(filter=archived)).rooms("leave")[room]
    assert left["timeline"]["events"][-1]["content"]["membership"] == "ban"
    assert _topics(left["state"]["events"] + left["timeline"]["events"]) == []
    await alice.unban(room, bob.user_id)
    await bob.request("POST", f"/rooms/{room}/forget", json={})
    assert room not in (await bob.sync(filter=archived)).rooms("leave")


async def test_history_from_before_a_member_joined_is_shown_only_if_it_is_shared(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    visibility = {"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": "joined"}}
    room = await alice.create_room(preset="public_chat", initial_state=[visibility])
    await alice.send_text(room, "before")
    await bob.join(room)
    await alice.send_text(room, "after")

    assert (await bob.sync()).texts(room) == ["after"]


async def test_an_event_that_was_redacted_meanwhile_is_shown_without_its_content(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    since = (await alice.sync()).next_batch
    event = await alice.send_text(room, "oops")
    redaction = await alice.redact(room, event)

    for sync in (await alice.sync(since), await alice.sync()):
        shown = {each["event_id"]: each for each in sync.timeline(room)}
        assert shown[event]["content"] == {}
        assert shown[event]["unsigned"]["redacted_because"]["event_id"] == redaction
        assert shown[redaction]["redacts"] == event


async def test_a_state_event_tells_what_it_replaced(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    one = await alice.send_state(room, "m.room.topic", {"topic": "one"})
    await alice.send_state(room, "m.room.topic", {"topic": "two"})

    (event,) = (await alice.sync(filter=ONE)).timeline(room)

    assert event["unsigned"]["prev_content"] == {"topic": "one"}
    assert event["unsigned"]["replaces_state"] == one


async def test_history_goes_on_from_where_the_timeline_began(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    for number in range(3):
        await alice.send_text(room, str(number))

    sync = await alice.sync(filter=ONE)
    page = await alice.messages(room, **{"from": sync.rooms()[room]["timeline"]["prev_batch"], "limit": "2"})

    assert [event["content"]["body"] for event in page["chunk"]] == ["1", "0"]


async def test_what_is_state_now_stays_in_the_timeline_of_a_private_history(client: Client) -> None:
    alice, bob, carol = await client.register(), await client.register(), await client.register()
    private = {"type": "m.room.history_visibility", "content": {"history_visibility": "joined"}}
    room = await alice.create_room(preset="public_chat", initial_state=[private])
    await bob.join(room)
    before = await bob.sync()
    await bob.leave(room)
    await carol.join(room)
    for number in range(25):
        await alice.send_text(room, f"among ourselves {number}")
    await bob.join(room)
    after = await bob.sync(since=before.next_batch)

    shown = [
        (event["type"], event.get("state_key"), event["content"].get("membership")) for event in after.timeline(room)
    ]
    assert shown == [
        ("m.room.member", user.user_id, does) for user, does in ((bob, "leave"), (carol, "join"), (bob, "join"))
    ]


async def test_a_room_that_was_just_joined_has_a_limited_timeline(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    before = await bob.sync()
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    after = await bob.sync(since=before.next_batch)

    assert after.rooms()[room]["timeline"]["limited"] is True
