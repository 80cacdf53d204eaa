"""How far users have read, as clients see it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hs_core.matrix.identifiers import EventId, RoomId, UserId
from hs_core.testing.client import Client, User
from hs_core.testing.homeserver import Homeserver, homeserver
from hs_core.testing.http import Json, path
from hs_core.testing.sync import Sync
from hs_plugins.receipts.api import RECEIPTS, RECEIPTS_READ, Receipt

NOWHERE = "$" + "n" * 43
ReceiptKey = tuple[str, str, str, str | None]


async def reads(user: User, room: str, event: str, type_: str = "m.read", **body: Any) -> None:
    await user.request("POST", path("rooms", room, "receipt", type_, event), json=body)


def receipts(sync: Sync, room: str) -> set[ReceiptKey]:
    """Event, type, user, thread of everything that is said in `m.receipt`."""
    return {
        (event_id, type_, user, said.get("thread_id"))
        for event in sync.events(room, "ephemeral")
        if event["type"] == "m.receipt"
        for event_id, types in event["content"].items()
        for type_, users in types.items()
        for user, said in users.items()
    }


async def room_of(*users: User) -> str:
    room = await users[0].create_room(preset="public_chat")
    for user in users[1:]:
        await user.join(room)
    return room


async def in_thread(user: User, room: str, root: str, **relation: Any) -> str:
    relates_to = {"rel_type": "m.thread", "event_id": root, **relation}
    content = {"msgtype": "m.text", "body": "in the thread", "m.relates_to": relates_to}
    return await user.send(room, "m.room.message", content)


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[Client]:
    async with (
        homeserver(folder, f"sqlite:///{folder}/hs.db") as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        yield client


async def test_members_are_told_what_somebody_has_read(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    event = await alice.send_text(room, "hi")
    since = (await alice.sync()).next_batch

    await reads(bob, room, event)

    told = await alice.sync_until(lambda sync: receipts(sync, room), since)
    assert receipts(told, room) == {(event, "m.read", bob.user_id, None)}
    (receipt,) = told.events(room, "ephemeral")
    assert receipt["content"][event]["m.read"][bob.user_id]["ts"] > 1_500_000_000_000
    assert "rooms" not in await alice.sync(told.next_batch)


async def test_receipts_only_move_forward(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    first, second = await alice.send_text(room, "one"), await alice.send_text(room, "two")
    await reads(bob, room, second)
    since = (await alice.sync()).next_batch

    await reads(bob, room, first)
    await reads(bob, room, second)

    assert "rooms" not in await alice.sync(since)
    assert receipts(await alice.sync(), room) == {(second, "m.read", bob.user_id, None)}


async def test_a_private_receipt_is_for_its_user_only(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    first, second = await alice.send_text(room, "one"), await alice.send_text(room, "two")
    since = {user: (await user.sync()).next_batch for user in (alice, bob)}

    await reads(bob, room, second, "m.read.private")
    await reads(bob, room, first)

    private = (second, "m.read.private", bob.user_id, None)
    public = (first, "m.read", bob.user_id, None)
    assert receipts(await bob.sync(since[bob]), room) == {private, public}
    assert receipts(await alice.sync(since[alice]), room) == {public}
    assert receipts(await bob.sync(), room) == {private, public}
    assert receipts(await alice.sync(), room) == {public}


async def test_a_private_receipt_wakes_nobody_else(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    event = await alice.send_text(room, "hi")
    since = (await alice.sync()).next_batch
    waiting = asyncio.create_task(alice.sync_until(lambda sync: receipts(sync, room), since))

    await reads(bob, room, event, "m.read.private")
    await reads(bob, room, event)

    assert receipts(await waiting, room) == {(event, "m.read", bob.user_id, None)}


async def test_many_receipts_are_one_event_with_the_newest_of_each(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    first, second = await alice.send_text(room, "one"), await alice.send_text(room, "two")
    since = (await alice.sync()).next_batch

    await reads(bob, room, first)
    await reads(bob, room, second)
    await reads(alice, room, second)

    told = await alice.sync(since)
    assert receipts(told, room) == {(second, "m.read", alice.user_id, None), (second, "m.read", bob.user_id, None)}
    assert len(told.events(room, "ephemeral")) == 1


async def test_each_thread_has_its_receipt(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    root = await alice.send_text(room, "root")
    reply = await in_thread(alice, room, root)
    since = (await alice.sync()).next_batch

    await reads(bob, room, reply)
    await reads(bob, room, reply, thread_id=root)
    await reads(bob, room, root, thread_id="main")

    expected = {(reply, "m.read", bob.user_id, None), (reply, "m.read", bob.user_id, root)}
    expected.add((root, "m.read", bob.user_id, "main"))
    assert receipts(await alice.sync(since), room) == expected
    assert receipts(await alice.sync(), room) == expected


async def test_a_root_may_be_read_in_its_thread(client: Client) -> None:
    alice = await client.register()
    room = await room_of(alice)
    root = await alice.send_text(room, "root")
    reaction = {"m.relates_to": {"rel_type": "m.annotation", "event_id": root, "key": "x"}}
    annotation = await alice.send(room, "m.reaction", reaction)

    await reads(alice, room, root, thread_id=root)
    await reads(alice, room, annotation, "m.read.private", thread_id=root)
    await reads(alice, room, annotation, thread_id="main")

    assert len(receipts(await alice.sync(), room)) == 3


async def test_a_thread_must_be_the_events(client: Client) -> None:
    alice = await client.register()
    room = await room_of(alice)
    root, other = await alice.send_text(room, "root"), await alice.send_text(room, "other")
    reply = await in_thread(alice, room, root)
    answered = {"rel_type": "m.annotation", "event_id": reply, "key": "x"}
    annotation = await alice.send(room, "m.reaction", {"m.relates_to": answered})

    for event, thread in ((reply, "main"), (reply, other), (other, root), (annotation, "main"), (annotation, reply)):
        refused = await alice.error("POST", path("rooms", room, "receipt", "m.read", event), json={"thread_id": thread})
        assert refused == (400, "M_INVALID_PARAM")
    await reads(alice, room, annotation, thread_id=root)


@pytest.mark.parametrize("thread", ["", 7, None, ["main"], "nonsense"])
async def test_a_thread_that_is_none_is_refused(client: Client, thread: Any) -> None:
    alice = await client.register()
    room = await room_of(alice)
    event = await alice.send_text(room, "hi")

    refused = await alice.error("POST", path("rooms", room, "receipt", "m.read", event), json={"thread_id": thread})
    assert refused == (400, "M_INVALID_PARAM")


async def test_what_cannot_be_read_is_refused(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room, elsewhere = await room_of(alice), await room_of(alice)
    event, foreign = await alice.send_text(room, "hi"), await alice.send_text(elsewhere, "hi")

    async def refusal(user: User, type_: str, event: str, body: Any = None) -> tuple[int, str]:
        return await user.error("POST", path("rooms", room, "receipt", type_, event), json=body or {})

    assert await refusal(alice, "not.m.read", event) == (400, "M_INVALID_PARAM")
    assert await refusal(alice, "m.fully_read", event, {"thread_id": "main"}) == (400, "M_INVALID_PARAM")
    assert await refusal(alice, "m.read", foreign) == (404, "M_NOT_FOUND")
    assert await refusal(alice, "m.read", NOWHERE) == (404, "M_NOT_FOUND")
    assert await refusal(alice, "m.read", "nonsense") == (400, "M_INVALID_PARAM")
    assert await refusal(alice, "m.read", event, [1]) == (400, "M_BAD_JSON")
    assert await refusal(bob, "m.read", event) == (403, "M_FORBIDDEN")


async def test_the_body_may_be_left_out(client: Client) -> None:
    alice = await client.register()
    room = await room_of(alice)
    event = await alice.send_text(room, "hi")

    await alice.request("POST", path("rooms", room, "receipt", "m.read", event))

    assert receipts(await alice.sync(), room) == {(event, "m.read", alice.user_id, None)}


async def test_who_joins_is_told_what_the_others_have_read(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice)
    event = await alice.send_text(room, "hi")
    await reads(alice, room, event)
    since = (await bob.sync()).next_batch

    await bob.join(room)

    assert receipts(await bob.sync(since), room) == {(event, "m.read", alice.user_id, None)}


async def test_a_client_that_was_away_is_told_from_the_database(tmp_path: Path) -> None:
    async with served(tmp_path) as client:
        alice, bob = await client.register("alice"), await client.register("bob")
        room, quiet = await room_of(alice, bob), await room_of(alice, bob)
        await reads(bob, quiet, await alice.send_text(quiet, "seen"))
        first, second = await alice.send_text(room, "one"), await alice.send_text(room, "two")
        since = (await alice.sync()).next_batch
        await reads(bob, room, first)
        await reads(bob, room, second)

    async with served(tmp_path) as client:
        alice = await client.login("alice")
        sync = await alice.sync(since)
        assert receipts(sync, room) == {(second, "m.read", bob.user_id, None)}
        assert receipts(sync, quiet) == set()


async def test_several_markers_are_moved_at_once(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    first, second = await alice.send_text(room, "one"), await alice.send_text(room, "two")
    since = (await bob.sync()).next_batch

    await bob.request("POST", path("rooms", room, "read_markers"), json={"m.read": first, "m.read.private": second})

    expected = {(first, "m.read", bob.user_id, None), (second, "m.read.private", bob.user_id, None)}
    assert receipts(await bob.sync(since), room) == expected


def markers(sync: Sync, room: str) -> list[str]:
    """The events that `m.fully_read` names."""
    events = sync.events(room, "account_data")
    return [event["content"]["event_id"] for event in events if event["type"] == "m.fully_read"]


@pytest.mark.parametrize("endpoint", ["read_markers", "receipt"])
async def test_the_fully_read_marker_is_account_data_of_the_room(client: Client, endpoint: str) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    first, second = await alice.send_text(room, "one"), await alice.send_text(room, "two")
    since = (await bob.sync()).next_batch

    async def marks(event: str) -> None:
        if endpoint == "receipt":
            await reads(bob, room, event, "m.fully_read")
        else:
            await bob.request("POST", path("rooms", room, "read_markers"), json={"m.fully_read": event})

    await marks(first)
    told = await bob.sync_until(lambda sync: markers(sync, room), since)
    assert markers(told, room) == [first]
    assert receipts(told, room) == set()
    await marks(second)
    await marks(first)

    assert markers(await bob.sync(told.next_batch), room) == [second]
    assert markers(await bob.sync(), room) == [second]
    assert markers(await alice.sync(), room) == []


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"m.fully_read": NOWHERE}, (404, "M_NOT_FOUND")),
        ({"m.read": 7}, (400, "M_BAD_JSON")),
        ({"m.read": "nonsense"}, (400, "M_INVALID_PARAM")),
        ({"m.read.private": NOWHERE}, (404, "M_NOT_FOUND")),
    ],
)
async def test_markers_that_are_none_are_refused(client: Client, body: Json, refusal: tuple[int, str]) -> None:
    alice = await client.register()
    room = await room_of(alice)

    assert await alice.error("POST", path("rooms", room, "read_markers"), json=body) == refusal


async def test_of_receipts_sent_at_the_same_time_the_furthest_stays(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    events = [await alice.send_text(room, f"message {n}") for n in range(10)]

    await asyncio.gather(*(reads(bob, room, event) for event in reversed(events)))

    assert receipts(await alice.sync(), room) == {(events[-1], "m.read", bob.user_id, None)}


async def test_other_plugins_move_and_read_them(server: Homeserver, client: Client) -> None:
    alice = await client.register()
    room = RoomId(await room_of(alice))
    event = EventId(await alice.send_text(room, "hi"))
    remote = UserId("@carol:elsewhere.test")

    receipt = Receipt(remote, "m.read", event, ts=1234)
    assert await server.core.services[RECEIPTS].move(room, receipt)
    assert not await server.core.services[RECEIPTS].move(room, receipt)

    (row,) = (await server.core.read_sides[RECEIPTS_READ].of_user(remote, [room]))[room]
    assert (row.event_id, row.ts) == (event, 1234)
    assert receipts(await alice.sync(), room) == {(event, "m.read", remote, None)}
