"""Paging through a room's history."""

import json

from hs_core.testing.client import Client, User
from hs_core.testing.http import Json, path


async def _talk(user: User, room: str, count: int) -> list[str]:
    return [await user.send_text(room, f"message {number}") for number in range(count)]


def _ids(page: Json) -> list[str]:
    return [event["event_id"] for event in page["chunk"]]


async def test_pages_backwards_meet_every_event_once_and_then_end(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    sent = await _talk(alice, room, 25)
    seen: list[str] = []
    page = await alice.messages(room, limit="7")
    while True:
        seen += _ids(page)
        if "end" not in page:
            break
        page = await alice.messages(room, limit="7", **{"from": page["end"]})
    assert seen[:25] == sent[::-1]
    assert len(seen) == len(set(seen))
    create = await alice.event(room, seen[-1])
    assert create["type"] == "m.room.create"


async def test_pages_forwards_begin_with_the_first_event(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    sent = await _talk(alice, room, 5)
    page = await alice.messages(room, backwards=False, limit="1")
    assert page["chunk"][0]["type"] == "m.room.create"
    rest = await alice.messages(room, backwards=False, limit="100", **{"from": page["end"]})
    assert _ids(rest)[-5:] == sent


async def test_a_page_can_be_read_the_other_way_round(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    await _talk(alice, room, 6)
    page = await alice.messages(room, limit="3")
    back = await alice.messages(room, backwards=False, limit="3", **{"from": page["end"]})
    assert _ids(back) == _ids(page)[::-1]
    within = await alice.messages(room, **{"from": page["start"], "to": page["end"]})
    assert _ids(within) == _ids(page)


async def test_a_filter_passes_over_what_is_not_wanted(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    wanted = await _talk(bob, room, 2)
    await _talk(alice, room, 30)
    page = await alice.messages(
        room, limit="5", filter=json.dumps({"senders": [bob.user_id], "types": ["m.room.message"]})
    )
    assert _ids(page) == wanted[::-1]
    nothing = await alice.messages(room, filter=json.dumps({"types": []}))
    assert nothing["chunk"] == []


async def test_lazy_loading_brings_the_members_who_speak(client: Client) -> None:
    alice, bob, carol = await client.register(), await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    await carol.join(room)
    await bob.send_text(room, "hi")
    page = await alice.messages(room, limit="1", filter=json.dumps({"lazy_load_members": True}))
    assert [event["state_key"] for event in page["state"]] == [bob.user_id]


async def test_who_joins_later_does_not_see_what_only_members_may(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    visibility = {"type": "m.room.history_visibility", "content": {"history_visibility": "joined"}}
    room = await alice.create_room(preset="public_chat", initial_state=[visibility])
    hidden = await _talk(alice, room, 30)
    await bob.join(room)
    seen = [await alice.send_text(room, "welcome")]
    page = await bob.messages(room, limit="20")
    assert _ids(page)[0] == seen[0]
    assert not set(_ids(page)) & set(hidden)


async def test_the_context_of_an_event_is_what_is_around_it(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    sent = await _talk(alice, room, 9)
    found = await alice.request("GET", path("rooms", room, "context", sent[4]) + "?limit=4")
    assert found["event"]["event_id"] == sent[4]
    assert [event["event_id"] for event in found["events_before"]] == [sent[3], sent[2]]
    assert [event["event_id"] for event in found["events_after"]] == [sent[5], sent[6]]
    assert {event["type"] for event in found["state"]} >= {"m.room.create", "m.room.member"}
    earlier = await alice.messages(room, limit="1", **{"from": found["start"]})
    assert _ids(earlier) == [sent[1]]
    later = await alice.messages(room, backwards=False, limit="1", **{"from": found["end"]})
    assert _ids(later) == [sent[7]]


async def test_the_context_of_an_event_alone(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    event = await alice.send_text(room, "hi")
    found = await alice.request("GET", path("rooms", room, "context", event) + "?limit=0")
    assert (found["events_before"], found["events_after"]) == ([], [])


async def test_unsigned_tells_what_only_the_server_knows(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room(name="Old")
    event = await alice.send(room, "m.room.message", {"body": "hi"}, transaction="my-transaction")
    await alice.send_state(room, "m.room.name", {"name": "New"})
    name, message = (await alice.messages(room, limit="2"))["chunk"]
    assert name["unsigned"]["prev_content"] == {"name": "Old"}
    assert message["unsigned"]["transaction_id"] == "my-transaction"
    assert message["unsigned"]["membership"] == "join"
    assert "age" in message["unsigned"]
    other = await client.login(alice.user_id)
    assert "transaction_id" not in (await other.event(room, event))["unsigned"]


async def test_a_redacted_event_tells_why(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    event = await alice.send_text(room, "oops")
    redaction = await alice.redact(room, event, "a slip")
    shown = await alice.event(room, event)
    assert shown["content"] == {}
    assert shown["unsigned"]["redacted_because"]["event_id"] == redaction
    assert shown["unsigned"]["redacted_because"]["content"]["reason"] == "a slip"


async def test_bad_parameters_are_told(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    for query, errcode in {
        "": "M_MISSING_PARAM",
        "dir=x": "M_INVALID_PARAM",
        "dir=b&limit=x": "M_INVALID_PARAM",
        "dir=b&limit=-1": "M_INVALID_PARAM",
        "dir=b&from=x": "M_INVALID_PARAM",
        "dir=b&to=t1_99999999999999999999": "M_INVALID_PARAM",
        "dir=b&filter=x": "M_NOT_JSON",
        "dir=b&filter=[]": "M_BAD_JSON",
        "dir=b&filter=%7B%22senders%22:[%22x%22]%7D": "M_INVALID_PARAM",
    }.items():
        assert await alice.error("GET", f"/rooms/{room}/messages?{query}") == (400, errcode), query


async def test_pages_and_members_begin_where_a_sync_was(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat")
    before = await _talk(alice, room, 3)
    sync = await alice.sync()
    await bob.join(room)
    await _talk(alice, room, 2)
    since = {"from": sync.next_batch, "limit": "3"}
    page = await alice.messages(room, backwards=True, **since)
    assert _ids(page) == before[::-1]
    assert bob.user_id not in await alice.members(room, at=sync.next_batch)


async def test_who_reads_forwards_can_come_back_for_what_happens_later(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    start = (await alice.sync()).next_batch
    for text in ("first", "second"):
        await alice.send_text(room, text)
        page = await alice.request("GET", path("rooms", room, "messages"), params={"dir": "f", "from": start})
        assert [event["content"]["body"] for event in page["chunk"]] == [text]
        start = page["end"]
    page = await alice.request("GET", path("rooms", room, "messages"), params={"dir": "f", "from": start})
    assert (page["chunk"], "end" in page) == ([], False)
