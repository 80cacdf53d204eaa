"""Edits, references and threads: bundled with events, listed of their own."""

from typing import Any

from hs_core.testing.client import Client, User
from hs_core.testing.http import Json

V1 = "/_matrix/client/v1"


async def _relate(user: User, room: str, rel_type: str, event: str, **content: Any) -> str:
    content = {"msgtype": "m.text", "body": "x", **content}
    return await user.send(
        room, "m.room.message", {**content, "m.relates_to": {"rel_type": rel_type, "event_id": event}}
    )


async def _edit(user: User, room: str, event: str, body: str) -> str:
    return await _relate(user, room, "m.replace", event, **{"m.new_content": {"msgtype": "m.text", "body": body}})


def _ids(page: Json) -> list[str]:
    return [event["event_id"] for event in page["chunk"]]


async def test_the_latest_edit_by_the_sender_is_bundled(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    event = await alice.send_text(room, "hi")
    await _edit(alice, room, event, "hello")
    latest = await _edit(alice, room, event, "hello!")
    await _edit(bob, room, event, "mine")
    bundled = (await bob.event(room, event))["unsigned"]["m.relations"]["m.replace"]
    assert bundled["event_id"] == latest
    assert bundled["content"]["m.new_content"]["body"] == "hello!"
    await alice.redact(room, latest)
    assert (await bob.event(room, event))["unsigned"]["m.relations"]["m.replace"]["event_id"] != latest


async def test_references_are_bundled(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    event = await alice.send_text(room, "hi")
    reference = await _relate(alice, room, "m.reference", event)
    relations = (await alice.event(room, event))["unsigned"]["m.relations"]
    assert relations["m.reference"] == {"chunk": [{"event_id": reference}]}


async def test_a_thread_is_summed_up_at_its_root(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    root = await alice.send_text(room, "thread")
    await _relate(alice, room, "m.thread", root)
    latest = await _relate(alice, room, "m.thread", root)
    edit = await _edit(alice, room, latest, "better")
    for user, participated in ((alice, True), (bob, False)):
        page = await user.messages(room, limit="10")
        shown = next(event for event in page["chunk"] if event["event_id"] == root)
        thread = shown["unsigned"]["m.relations"]["m.thread"]
        assert (thread["count"], thread["current_user_participated"]) == (2, participated)
        assert thread["latest_event"]["event_id"] == latest
        assert thread["latest_event"]["unsigned"]["m.relations"]["m.replace"]["event_id"] == edit


async def test_who_left_is_not_told_of_later_children(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    root = await alice.send_text(room, "thread")
    seen = await _relate(alice, room, "m.thread", root, body="seen")
    await bob.leave(room)
    await _relate(alice, room, "m.thread", root, body="secret")
    await _edit(alice, room, root, "secret")
    relations = (await bob.event(room, root))["unsigned"]["m.relations"]
    assert relations["m.thread"]["latest_event"]["event_id"] == seen
    assert "m.replace" not in relations


async def test_relations_are_listed_by_kind_in_pages(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    event = await alice.send_text(room, "hi")
    threaded = [await _relate(alice, room, "m.thread", event) for _ in range(5)]
    edit = await _edit(alice, room, event, "hello")
    where = f"{V1}/rooms/{room}/relations/{event}"
    assert _ids(await alice.request("GET", where)) == [edit, *threaded[::-1]]
    assert _ids(await alice.request("GET", f"{where}/m.thread?dir=f")) == threaded
    assert _ids(await alice.request("GET", f"{where}/m.replace/m.room.message")) == [edit]
    assert _ids(await alice.request("GET", f"{where}/m.replace/m.other")) == []
    first = await alice.request("GET", f"{where}/m.thread?limit=3")
    second = await alice.request("GET", f"{where}/m.thread?limit=3&from={first['next_batch']}")
    assert _ids(first) + _ids(second) == threaded[::-1]
    assert "next_batch" not in second
    assert "prev_batch" in second


async def test_relations_of_relations_are_listed_if_asked_for(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    event = await alice.send_text(room, "hi")
    reply = await _relate(alice, room, "m.thread", event)
    edit = await _edit(alice, room, reply, "better")
    where = f"{V1}/rooms/{room}/relations/{event}"
    found = await alice.request("GET", f"{where}?recurse=true")
    assert (_ids(found), found["recursion_depth"]) == ([edit, reply], 3)
    assert _ids(await alice.request("GET", f"{where}/m.replace?recurse=true")) == [edit]
    assert _ids(await alice.request("GET", where)) == [reply]


async def test_relations_of_what_one_cannot_see_are_not_found(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room()
    event = await alice.send_text(room, "hi")
    assert await bob.error("GET", f"{V1}/rooms/{room}/relations/{event}") == (404, "M_NOT_FOUND")
    unknown = "$" + "x" * 43
    assert await alice.error("GET", f"{V1}/rooms/{room}/relations/{unknown}") == (404, "M_NOT_FOUND")
    assert await alice.error("GET", f"{V1}/rooms/{room}/relations/{event}?limit=0") == (400, "M_INVALID_PARAM")


async def test_threads_are_listed_with_the_last_answered_first(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    roots = [await alice.send_text(room, f"thread {number}") for number in range(3)]
    for root in roots:
        await _relate(alice, room, "m.thread", root)
    await _relate(bob, room, "m.thread", roots[0])
    where = f"{V1}/rooms/{room}/threads"
    assert _ids(await alice.request("GET", where)) == [roots[0], roots[2], roots[1]]
    assert _ids(await bob.request("GET", f"{where}?include=participated")) == [roots[0]]
    first = await alice.request("GET", f"{where}?limit=2")
    second = await alice.request("GET", f"{where}?limit=2&from={first['next_batch']}")
    assert (_ids(second), "next_batch" in second) == ([roots[1]], False)
    assert await alice.error("GET", f"{where}?include=none") == (400, "M_INVALID_PARAM")


async def test_what_is_said_in_another_room_about_an_event_is_no_relation_here(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room, secret = await alice.create_room(preset="public_chat"), await alice.create_room()
    await bob.join(room)
    event = await alice.send_text(room, "hi")
    for rel_type in ("m.thread", "m.reference", "m.annotation"):
        await _relate(alice, secret, rel_type, event)
    await _edit(alice, secret, event, "secret")
    where = f"{V1}/rooms/{room}/relations/{event}"
    for user in (alice, bob):
        assert "m.relations" not in (await user.event(room, event))["unsigned"]
        assert _ids(await user.request("GET", where)) == []
        assert _ids(await user.request("GET", f"{where}?recurse=true")) == []
        assert _ids(await user.request("GET", f"{V1}/rooms/{room}/threads")) == []
    assert _ids(await alice.request("GET", f"{V1}/rooms/{secret}/threads")) == []
    await _relate(alice, room, "m.thread", event)
    thread = (await bob.event(room, event))["unsigned"]["m.relations"]["m.thread"]
    assert thread["count"] == 1
