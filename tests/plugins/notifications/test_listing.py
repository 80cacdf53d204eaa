"""`GET /notifications`."""

from __future__ import annotations

import pytest

from hs_core.testing.client import Client
from tests.plugins.notifications.acts import in_thread, listed, mention, reads, room_of


async def test_what_one_was_notified_of_is_listed_the_latest_first(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room, other = await room_of(alice, bob), await room_of(alice, bob)
    first = await alice.send_text(room, "one")
    second = await mention(alice, other, bob)
    await bob.send_text(room, "mine")

    found = await listed(bob)

    assert [(one["event"]["event_id"], one["room_id"]) for one in found] == [(second, other), (first, room)]
    assert found[0]["actions"] == [
        "notify",
        {"set_tweak": "sound", "value": "default"},
        {"set_tweak": "highlight", "value": True},
    ]
    assert found[1]["event"]["content"]["body"] == "one"
    assert "room_id" not in found[1]["event"]
    assert [one["read"] for one in found] == [False, True], "bob answered in the first room"
    assert found[0]["ts"] >= found[1]["ts"] > 1_500_000_000_000
    assert [one["event"]["content"]["body"] for one in await listed(alice)] == ["mine"]


async def test_pages_follow_each_other_to_the_end(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    events = [await alice.send_text(room, f"message {n}") for n in range(7)]

    seen: list[str] = []
    query = {"limit": "3"}
    while True:
        page = await bob.request("GET", "/notifications", params=query)
        seen += [one["event"]["event_id"] for one in page["notifications"]]
        if "next_token" not in page:
            break
        assert len(page["notifications"]) == 3
        query["from"] = page["next_token"]

    assert seen == events[::-1]


async def test_only_highlights(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    events = []
    for n in range(3):
        await alice.send_text(room, f"nothing special {n}")
        events.append(await mention(alice, room, bob))
    await alice.send_text(room, "nothing special")

    found = await listed(bob, only="highlight", limit="2")
    assert [one["event"]["event_id"] for one in found] == events[:0:-1]
    assert len(await listed(bob, only="something else")) == 7


async def test_what_was_read_is_said_by_thread(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    root = await alice.send_text(room, "root")
    threaded = await in_thread(alice, room, root)
    last = await alice.send_text(room, "last")

    await reads(bob, room, root, thread_id="main")
    await reads(bob, room, threaded, "m.read.private", thread_id=root)

    assert {one["event"]["event_id"]: one["read"] for one in await listed(bob)} == {
        root: True,
        threaded: True,
        last: False,
    }


async def test_an_invite_is_listed_and_a_redacted_event_is_not(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="private_chat", invite=[bob.user_id])
    (invite,) = await listed(bob)
    assert (invite["room_id"], invite["event"]["type"]) == (room, "m.room.member")
    assert invite["event"]["content"]["membership"] == "invite"

    await bob.join(room)
    mistake, kept = await alice.send_text(room, "mistake"), await alice.send_text(room, "kept")
    assert len(await listed(bob)) == 3
    await alice.redact(room, mistake)
    assert [one["event"]["event_id"] for one in await listed(bob)] == [kept, invite["event"]["event_id"]]


@pytest.mark.parametrize("query", [{"from": "nonsense"}, {"from": "-1"}, {"from": "9" * 30}, {"limit": "-1"}])
async def test_nonsense_is_refused(client: Client, query: dict[str, str]) -> None:
    user = await client.register()
    answer = await user.answer("GET", "/notifications", params=query)
    assert (answer.status, answer.errcode) == (400, "M_INVALID_PARAM")
