"""Content that is nested as deeply as is allowed: more deeply than a fast writer of JSON goes."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import orjson

from hs_core.testing.client import Client, User
from hs_core.testing.http import path
from tests.layouts import in_one_process

pytestmark = in_one_process

DEPTH = 400


def deep(**content: Any) -> bytes:
    """A JSON object with these keys, and one that is deep."""
    return orjson.dumps(content)[:-1] + b',"x":' + b"[" * DEPTH + b"]" * DEPTH + b"}"


async def put(user: User, where: str, content: bytes) -> None:
    await user.request("PUT", where, data=content)


async def test_whoever_sends_it_everybody_can_go_on_reading(client: Client) -> None:
    alice, bob, word = await client.register(), await client.register(), f"w{uuid4().hex}"
    room = await alice.create_room(name="Room")
    send = path("rooms", room, "send", "m.room.message", "t1")
    answer = await alice.request("PUT", send, data=deep(msgtype="m.text", body=word))
    state = path("rooms", room, "state", "m.room.topic", "")
    for topic in ("one", "two"):
        await put(alice, state, deep(topic=topic))
    await put(alice, path("rooms", room, "state", "m.room.name", ""), deep(name="Deep room"))
    await put(alice, path("rooms", room, "state", "m.room.member", bob.user_id), deep(membership="invite"))

    assert room in (await bob.sync()).rooms("invite")
    await bob.join(room)
    bob.check = None  # events in other formats, or with fewer fields, are not those of the specification
    for options in ({}, {"filter": {"event_fields": ["content", "type"]}}, {"filter": {"event_format": "federation"}}):
        assert room in (await bob.sync(**options)).rooms()
    assert (await alice.messages(room))["chunk"]
    await alice.event(room, answer["event_id"])
    await alice.request("GET", path("rooms", room, "context", answer["event_id"]))
    await alice.request("GET", state)
    assert await alice.state(room)

    criteria = {"search_term": word, "event_context": {}, "include_state": True}
    found = await alice.request("POST", "/search", json={"search_categories": {"room_events": criteria}})
    assert found["search_categories"]["room_events"]["count"] == 1


async def test_a_profile_may_have_it(client: Client) -> None:
    alice = await client.register()
    where = path("profile", alice.user_id, "org.example.deep")
    await put(alice, where, b'{"org.example.deep":' + deep(kind="deep") + b"}")
    await alice.request("GET", where)
    await alice.request("GET", path("profile", alice.user_id))
