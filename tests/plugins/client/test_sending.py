"""Messages, state, redactions: what is sent once, what is refused."""

from typing import Any

import pytest

from hs_core.testing.client import Client
from hs_core.testing.http import path


async def test_the_same_transaction_is_one_event(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    first = await alice.send(room, "m.room.message", {"body": "a"}, transaction="t")
    assert await alice.send(room, "m.room.message", {"body": "b"}, transaction="t") == first
    other_device = await client.login(alice.user_id)
    assert await other_device.send(room, "m.room.message", {"body": "a"}, transaction="t") != first


async def test_a_redaction_with_the_transaction_of_a_message_is_another_event(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    event = await alice.send(room, "m.room.message", {"body": "a"}, transaction="t")
    where = path("rooms", room, "redact", event, "t")
    redaction = (await alice.request("PUT", where, json={}))["event_id"]
    assert redaction != event
    assert (await alice.request("PUT", where, json={}))["event_id"] == redaction


async def test_state_that_changes_nothing_is_the_same_event(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    first = await alice.send_state(room, "m.room.topic", {"topic": "x"})
    assert await alice.send_state(room, "m.room.topic", {"topic": "x"}) == first
    assert await alice.request("PUT", path("rooms", room, "state", "m.room.topic"), json={"topic": "x"})


@pytest.mark.parametrize("version", ["10", "11"])
async def test_a_redaction_can_be_sent_like_any_event(client: Client, version: str) -> None:
    alice = await client.register()
    room = await alice.create_room(room_version=version)
    event = await alice.send_text(room, "oops")
    redaction = await alice.send(room, "m.room.redaction", {"redacts": event, "reason": "slip"})
    assert (await alice.event(room, event))["content"] == {}
    shown = await alice.event(room, redaction)
    assert (shown["redacts"], shown["content"]["redacts"]) == (event, event)


async def test_only_who_has_the_power_redacts_others(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    hers, his = await alice.send_text(room, "hers"), await bob.send_text(room, "his")
    assert await bob.error("PUT", path("rooms", room, "redact", hers, "1"), json={}) == (403, "M_FORBIDDEN")
    await bob.redact(room, his)
    await alice.redact(room, await bob.send_text(room, "again"))


@pytest.mark.parametrize(
    ("body", "status", "errcode"),
    [
        (b"", 400, "M_NOT_JSON"),
        (b"{", 400, "M_NOT_JSON"),
        (b"[]", 400, "M_BAD_JSON"),
        (b'{"a": 1.5}', 400, "M_BAD_JSON"),
        (b'{"a": 9007199254740993}', 400, "M_BAD_JSON"),
        (b'{"a": "\\ud800"}', 400, "M_BAD_JSON"),
        (b'{"a": "' + b"x" * 70_000 + b'"}', 413, "M_TOO_LARGE"),
        (b'{"a": ' * 600 + b"1" + b"}" * 600, 400, "M_BAD_JSON"),
    ],
)
async def test_bodies_that_are_no_event_are_refused(client: Client, body: bytes, status: int, errcode: str) -> None:
    alice = await client.register()
    room = await alice.create_room()
    for where in (path("rooms", room, "send", "m.test", "1"), path("rooms", room, "state", "m.test", "")):
        assert await alice.error("PUT", where, data=body) == (status, errcode)


@pytest.mark.parametrize(
    ("event_type", "state_key", "content", "expected"),
    [
        ("m.room.create", "", {}, (403, "M_FORBIDDEN")),
        ("m.room.member", "nobody", {"membership": "invite"}, (400, "M_INVALID_PARAM")),
        ("m.room.member", "@a:hs.test", {"membership": "none"}, (400, "M_BAD_JSON")),
        ("m.room.member", "@a:hs.test", {"membership": "join"}, (403, "M_FORBIDDEN")),
        ("m.room.canonical_alias", "", {"alias": "none"}, (400, "M_INVALID_PARAM")),
        ("m.room.canonical_alias", "", {"alt_aliases": "#a:hs.test"}, (400, "M_INVALID_PARAM")),
        ("m.room.canonical_alias", "", {"alias": {}}, (400, "M_INVALID_PARAM")),
        ("m.room.canonical_alias", "", {"alt_aliases": ["#nobody-has-it:hs.test"]}, (400, "M_BAD_ALIAS")),
        ("m.room.power_levels", "", {"users": []}, (403, "M_FORBIDDEN")),
        ("x" * 256, "", {}, (413, "M_TOO_LARGE")),
        ("m.test", "x" * 256, {}, (413, "M_TOO_LARGE")),
        ("m.test", "@somebody:hs.test", {}, (403, "M_FORBIDDEN")),
    ],
)
async def test_state_that_nobody_may_set_is_refused(
    client: Client, event_type: str, state_key: str, content: dict[str, Any], expected: tuple[int, str]
) -> None:
    alice = await client.register()
    room = await alice.create_room()
    assert await alice.error("PUT", path("rooms", room, "state", event_type, state_key), json=content) == expected


async def test_an_alias_of_the_room_can_become_canonical(client: Client) -> None:
    alice = await client.register()
    room, other = await alice.create_room(), await alice.create_room()
    alias = f"#{alice.localpart}:hs.test"
    await alice.request("PUT", path("directory", "room", alias), json={"room_id": room})
    await alice.send_state(room, "m.room.canonical_alias", {"alias": alias, "alt_aliases": [alias]})
    where = path("rooms", other, "state", "m.room.canonical_alias")
    assert await alice.error("PUT", where, json={"alias": alias}) == (400, "M_BAD_ALIAS")


async def test_a_restricted_room_can_be_joined_by_sending_state(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    lobby = await alice.create_room(preset="public_chat")
    allow = [{"type": "m.room_membership", "room_id": lobby}]
    rules = {"type": "m.room.join_rules", "content": {"join_rule": "restricted", "allow": allow}}
    room = await alice.create_room(initial_state=[rules])
    where = path("rooms", room, "state", "m.room.member", bob.user_id)
    assert await bob.error("PUT", where, json={"membership": "join"}) == (403, "M_FORBIDDEN")
    await bob.join(lobby)
    await bob.request("PUT", where, json={"membership": "join", "displayname": "Bobby"})
    assert (await alice.joined_members(room))[bob.user_id] == {"display_name": "Bobby"}


async def test_the_same_reaction_twice_is_refused_but_not_its_repetition(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    event = await alice.send_text(room, "hi")
    content = {"m.relates_to": {"rel_type": "m.annotation", "event_id": event, "key": "+1"}}
    first = await alice.send(room, "m.reaction", content, transaction="r")
    assert await alice.send(room, "m.reaction", content, transaction="r") == first
    where = path("rooms", room, "send", "m.reaction", "r2")
    assert await alice.error("PUT", where, json=content) == (400, "M_DUPLICATE_ANNOTATION")
    await alice.redact(room, first)
    assert await alice.send(room, "m.reaction", content) != first


async def test_no_thread_begins_at_an_event_of_a_thread(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    root = await alice.send_text(room, "hi")
    reply = await alice.send(room, "m.room.message", {"m.relates_to": {"rel_type": "m.thread", "event_id": root}})
    where = path("rooms", room, "send", "m.room.message", "1")
    nested = {"m.relates_to": {"rel_type": "m.thread", "event_id": reply}}
    assert await alice.error("PUT", where, json=nested) == (400, "M_UNKNOWN")
