"""Events that are sent later (MSC4140)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hs_core.testing.acts import next_transaction_id
from hs_core.testing.client import Client, User
from hs_core.testing.http import Answer, Caller, Json, path
from hs_core.testing.sync import Sync

UNSTABLE = "/_matrix/client/unstable/org.matrix.msc4140"
EVENTS = UNSTABLE + "/delayed_events"
SOON, LATER = 1, 60_000
"""Milliseconds: at the next turn, and not during the test."""


def text(body: str) -> Json:
    return {"msgtype": "m.text", "body": body}


def sending(room: str, delay: int | str, transaction: str | None = None) -> str:
    where = path("rooms", room, "send", "m.room.message", transaction or next_transaction_id())
    return f"{where}?org.matrix.msc4140.delay={delay}"


async def put_later(user: User, where: str, content: Json) -> str:
    """Schedule something; its ID, which the specification does not know in the place of an event's."""
    unchecked = Caller(user.session, user.base_urls, user.access_token)
    answer = await unchecked.request("PUT", where, json=content)
    assert set(answer) == {"delay_id"}
    return str(answer["delay_id"])


async def schedule(user: User, room: str, body: str, delay: int = LATER, transaction: str | None = None) -> str:
    """The ID of a message that is to be sent later."""
    return await put_later(user, sending(room, delay, transaction), text(body))


async def act(client: Client, delay_id: str, action: str) -> Answer:
    """By somebody who knows nothing but the ID."""
    return await client.answer("POST", EVENTS + path(delay_id, action), json={})


async def look(user: User, delay_id: str) -> Json:
    found: Json = await user.request("GET", EVENTS + path(delay_id))
    return found


async def listed(user: User, **query: Any) -> list[str]:
    """The IDs on the first page."""
    answer = await user.request("GET", EVENTS, params={name: str(value) for name, value in query.items()})
    return [event["delay_id"] for event in answer["delayed_events"]]


def said(sync: Sync, room: str, body: str) -> Json | None:
    """The message with that text."""
    events = [event for event in sync.timeline(room) if event["content"].get("body") == body]
    return events[0] if events else None


async def test_a_message_is_sent_when_its_time_has_come(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    delay_id = await schedule(alice, room, "later", SOON)
    mine = await alice.sync_until(lambda sync: said(sync, room, "later"))
    event = said(mine, room, "later")
    assert event is not None
    assert event["unsigned"]["org.matrix.msc4140.delay_id"] == delay_id
    assert "transaction_id" not in event["unsigned"]
    theirs = said(await bob.sync(), room, "later")
    assert theirs is not None
    assert theirs["event_id"] == event["event_id"]
    assert "org.matrix.msc4140.delay_id" not in theirs["unsigned"]
    assert (await alice.event(room, event["event_id"]))["unsigned"]["org.matrix.msc4140.delay_id"] == delay_id
    assert "org.matrix.msc4140.delay_id" not in (await bob.event(room, event["event_id"]))["unsigned"]


async def test_what_became_of_it_can_be_seen_by_its_sender_alone(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room()
    delay_id = await schedule(alice, room, "now", LATER)
    seen = await look(alice, delay_id)
    assert isinstance(seen.pop("running_since"), int)
    about = {"delay_id": delay_id, "room_id": room, "type": "m.room.message", "content": text("now")}
    assert seen == {**about, "delay": LATER}
    assert await bob.error("GET", EVENTS + path(delay_id)) == (404, "M_NOT_FOUND")
    assert (await act(client, delay_id, "send")).status == 200
    event = said(await alice.sync(), room, "now")
    assert event is not None
    seen = await look(alice, delay_id)
    assert (seen["event_id"], seen["origin_server_ts"] >= seen["running_since"]) == (event["event_id"], True)


async def test_state_is_sent_later_too(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    where = path("rooms", room, "state", "org.example.call", "a key")
    delay_id = await put_later(alice, where + f"?org.matrix.msc4140.delay={LATER}", {"left": True})
    assert (await look(alice, delay_id))["state_key"] == "a key"
    await act(client, delay_id, "send")
    assert await alice.state_content(room, "org.example.call", "a key") == {"left": True}


async def test_a_redaction_that_was_scheduled_redacts(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    event = await alice.send_text(room, "burn after reading")
    where = UNSTABLE + path("rooms", room, "delayed_event", "m.room.redaction", next_transaction_id())
    await put_later(alice, where, {"delay": SOON, "content": {"redacts": event}})
    await alice.sync_until(lambda sync: [one for one in sync.timeline(room) if one["type"] == "m.room.redaction"])
    assert (await alice.event(room, event))["content"] == {}


async def test_the_same_transaction_is_one_event(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    first = await schedule(alice, room, "once", LATER, "txn")
    assert await schedule(alice, room, "once", LATER, "txn") == first
    assert await listed(alice) == [first]
    answers = await asyncio.gather(*(act(client, first, "send") for _ in range(3)))
    assert {answer.status for answer in answers} == {200}
    assert (await alice.sync()).texts(room) == ["once"]
    assert await schedule(alice, room, "once", LATER, "txn") == first


async def test_a_cancelled_event_is_never_sent(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    cancelled = await schedule(alice, room, "never", LATER)
    for _ in range(2):
        assert (await act(client, cancelled, "cancel")).status == 200
    for action in ("send", "restart"):
        answer = await act(client, cancelled, action)
        assert (answer.status, answer.errcode) == (409, "M_UNKNOWN")
    await schedule(alice, room, "afterwards", SOON)
    sync = await alice.sync_until(lambda sync: said(sync, room, "afterwards"))
    assert sync.texts(room) == ["afterwards"]


async def test_what_has_been_sent_cannot_be_cancelled(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    delay_id = await schedule(alice, room, "gone", SOON)
    await alice.sync_until(lambda sync: said(sync, room, "gone"))
    assert (await act(client, delay_id, "send")).status == 200
    for action in ("cancel", "restart"):
        answer = await act(client, delay_id, action)
        assert (answer.status, answer.errcode) == (409, "M_UNKNOWN")


async def test_a_restarted_event_waits_its_whole_delay_again(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    first, second = [await schedule(alice, room, body, LATER) for body in ("first", "second")]
    assert await listed(alice) == [first, second]
    while (await look(alice, first))["running_since"] <= (await look(alice, second))["running_since"]:
        # By the body, as it was before actions had paths of their own.
        await client.request("POST", EVENTS + path(first), json={"action": "restart"})
    assert await listed(alice) == [second, first]
    answer = await act(client, first, "restart")
    assert (answer.status, answer.body) == (200, {})


async def test_an_event_that_may_not_be_sent_says_why(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    waiting, due = await schedule(bob, room, "waits", LATER), await schedule(bob, room, "due", SOON + 500)
    await alice.kick(room, bob.user_id)
    answer = await act(client, waiting, "send")
    assert (answer.status, answer.errcode) == (403, "M_FORBIDDEN")
    assert "origin_server_ts" not in await look(bob, waiting)
    while not await listed(bob, outcome="error", reason="delay", since_ts=0):
        await bob.sync(timeout=100)
    seen = await look(bob, due)
    assert seen["error"]["errcode"] == "M_FORBIDDEN"
    assert "event_id" not in seen
    assert (await act(client, due, "cancel")).status == 200
    await bob.join(room)
    assert (await act(client, waiting, "send")).status == 200
    assert (await alice.sync()).texts(room) == ["waits"]


async def test_a_user_who_is_gone_sends_nothing_more(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    delay_id = await schedule(alice, room, "never", LATER)
    session = (await alice.answer("POST", "/account/deactivate", json={})).body["session"]
    identifier = {"type": "m.id.user", "user": alice.user_id}
    auth = {"type": "m.login.password", "identifier": identifier, "password": alice.password, "session": session}
    await alice.request("POST", "/account/deactivate", json={"auth": auth})
    assert (await act(client, delay_id, "send")).errcode == "M_NOT_FOUND"


async def test_lists_are_filtered_and_in_order_and_come_in_pages(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    here, there = await alice.create_room(), await alice.create_room()
    long, short = await schedule(alice, here, "long", 2 * LATER), await schedule(alice, there, "short", LATER)
    cancelled = await schedule(alice, here, "cancelled", LATER)
    await act(client, cancelled, "cancel")
    assert await listed(alice, status="scheduled") == [short, long]
    assert await listed(alice, dir="b", since_ts="end", status="scheduled") == [long, short]
    assert await listed(alice, order_by="running_since", since_ts=0) == [long, short, cancelled]
    assert await listed(alice, room_id=here, status="scheduled") == [long]
    assert await listed(alice, type="org.example.other", since_ts=0) == []
    assert await listed(alice, status="finalised", since_ts=0) == [cancelled]
    assert await listed(alice, outcome="cancel", reason="action", since_ts=0) == [cancelled]
    assert await listed(alice, order_by="origin_server_ts", since_ts=0) == [cancelled, short, long]
    assert await listed(bob, since_ts=0) == []

    more = [await schedule(bob, here, str(number), LATER) for number in range(60)]
    for query in ({"since_ts": "0"}, {"since_ts": "end", "dir": "b"}):
        token = "prev_batch" if "dir" in query else "next_batch"
        first = await bob.request("GET", EVENTS, params=query)
        second = await bob.request("GET", EVENTS, params=query | {"from": first[token]})
        seen = [event["delay_id"] for event in first["delayed_events"] + second["delayed_events"]]
        assert sorted(seen) == sorted(more)
        assert token not in second


async def test_nobody_schedules_more_or_longer_than_the_server_allows(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    answer = await alice.answer("PUT", sending(room, 10**12), json=text("in 30 years"))
    assert (answer.status, answer.errcode) == (400, "ORG.MATRIX.MSC4140_MAX_DELAY_EXCEEDED")
    assert answer.body["org.matrix.msc4140.max_delay"] == 24 * 60 * 60 * 1000
    ids = await asyncio.gather(*(schedule(alice, room, "x", LATER) for _ in range(100)))
    answer = await alice.answer("PUT", sending(room, LATER), json=text("too many"))
    assert (answer.status, answer.errcode) == (429, "M_LIMIT_EXCEEDED")
    assert 1 <= int(answer.headers["Retry-After"]) <= LATER // 1000
    await act(client, ids[0], "cancel")
    await schedule(alice, room, "again", LATER)


@pytest.mark.parametrize("delay", ["0", "-1", "soon", "", "1.5"])
async def test_a_delay_is_a_number_of_milliseconds(client: Client, delay: str) -> None:
    alice = await client.register()
    room = await alice.create_room()
    assert await alice.error("PUT", sending(room, delay), json=text("x")) == (400, "M_INVALID_PARAM")
    where = UNSTABLE + path("rooms", room, "delayed_event", "m.room.message", "txn")
    assert (await alice.error("PUT", where, json={"delay": delay, "content": {}}))[0] == 400


@pytest.mark.parametrize(
    "query",
    [
        {"dir": "x"},
        {"status": "x"},
        {"order_by": "x"},
        {"since_ts": "x"},
        {"from": "x"},
        {"outcome": ""},
        {"from": "1~"},
    ],
)
async def test_queries_that_are_none_are_refused(client: Client, query: dict[str, str]) -> None:
    alice = await client.register()
    answer = await alice.answer("GET", EVENTS, params=query)
    assert (answer.status, answer.errcode) == (400, "M_INVALID_PARAM")


async def test_actions_and_events_that_there_are_not(client: Client) -> None:
    alice = await client.register()
    delay_id = await schedule(alice, await alice.create_room(), "x", LATER)
    assert (await act(client, delay_id, "refresh")).errcode == "M_UNRECOGNIZED"
    assert await client.error("POST", EVENTS + path(delay_id), json={"action": "x"}) == (400, "M_INVALID_PARAM")
    for action in ("send", "cancel", "restart"):
        assert (await act(client, "nobody-knows", action)).status == 404


async def test_too_large_a_content_is_refused_at_once(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    assert await alice.error("PUT", sending(room, LATER), json=text("x" * 70_000)) == (413, "M_TOO_LARGE")


async def test_guests_take_part(client: Client) -> None:
    alice, guest = await client.register(), await client.register_guest()
    room = await alice.create_room(preset="public_chat")
    await alice.send_state(room, "m.room.guest_access", {"guest_access": "can_join"})
    await guest.join(room)
    delay_id = await schedule(guest, room, "a guest leaves", LATER)
    assert await listed(guest) == [delay_id]
    await act(client, delay_id, "send")
    assert (await alice.sync()).texts(room) == ["a guest leaves"]
