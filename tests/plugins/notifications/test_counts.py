"""`unread_notifications`: what counts, what reads it, and who is told when."""

from __future__ import annotations

from hs_core.testing.client import Client, User
from hs_core.testing.http import Json, path
from tests.plugins.notifications.acts import (
    PER_THREAD,
    counts,
    in_thread,
    mention,
    reads,
    room_of,
    thread_counts,
    unread,
)


async def test_the_response_that_shows_an_event_counts_it(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    since = (await bob.sync()).next_batch

    await alice.send_text(room, "hi")
    told = await bob.sync(since, timeout=10_000)

    assert told.texts(room) == ["hi"]
    assert counts(told, room) == (1, 0)
    assert await unread(alice, room) == (0, 0)


async def test_a_mention_is_a_highlight(client: Client) -> None:
    alice, bob, carol = await client.register(), await client.register(), await client.register()
    room = await room_of(alice, bob, carol)

    await mention(alice, room, bob)
    await alice.send_text(room, "all of you")

    assert await unread(bob, room) == (2, 1)
    assert await unread(carol, room) == (2, 0)


async def test_a_receipt_from_one_device_wakes_the_other(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    phone = await client.login(bob.user_id)
    room = await room_of(alice, bob)
    first, second = await mention(alice, room, bob), await alice.send_text(room, "two")
    since = (await phone.sync()).next_batch

    await reads(bob, room, first, "m.read.private")
    told = await phone.sync_until(lambda sync: counts(sync, room), since)
    assert counts(told, room) == (1, 0)

    await reads(bob, room, second)
    told = await phone.sync_until(lambda sync: counts(sync, room), told.next_batch)
    assert counts(told, room) == (0, 0)
    assert "rooms" not in await phone.sync(told.next_batch)


async def test_the_receipt_that_is_further_on_counts(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    events = [await alice.send_text(room, text) for text in "abcd"]

    await reads(bob, room, events[2])
    assert await unread(bob, room) == (1, 0)
    await reads(bob, room, events[0], "m.read.private")
    assert await unread(bob, room) == (1, 0)
    await reads(bob, room, events[3], "m.read.private")
    assert await unread(bob, room) == (0, 0)


async def test_a_fully_read_marker_reads_nothing(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    event = await alice.send_text(room, "hi")

    await bob.request("POST", path("rooms", room, "read_markers"), json={"m.fully_read": event})

    assert await unread(bob, room) == (1, 0)


async def test_sending_an_event_reads_what_was_before_it(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    await alice.send_text(room, "hi")
    assert await unread(bob, room) == (1, 0)
    since = (await bob.sync()).next_batch

    await bob.send_text(room, "hello")
    told = await bob.sync(since, timeout=10_000)
    assert counts(told, room) == (0, 0)

    await alice.send_text(room, "how are you?")
    assert await unread(bob, room) == (1, 0)


async def test_a_new_name_reads_nothing(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    await alice.send_text(room, "hi")

    await bob.request("PUT", path("profile", bob.user_id, "displayname"), json={"displayname": "Bob"})
    await bob.sync_until(
        lambda sync: any(event["content"].get("displayname") == "Bob" for event in sync.timeline(room)), None
    )

    assert await unread(bob, room) == (1, 0)


async def test_threads_are_counted_apart_for_those_who_ask(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    root = await alice.send_text(room, "root")
    other = await alice.send_text(room, "other root")
    await in_thread(alice, room, root)
    mentions = {"user_ids": [bob.user_id]}
    threaded = await in_thread(alice, room, root, **{"m.mentions": mentions})
    await in_thread(alice, room, other)

    told = await bob.sync(filter=PER_THREAD)
    assert counts(told, room) == (2, 0)
    assert thread_counts(told, room) == {root: (2, 1), other: (1, 0)}
    assert counts(await bob.sync(), room) == (5, 1)

    await reads(bob, room, threaded, thread_id=root)
    told = await bob.sync(filter=PER_THREAD)
    assert (counts(told, room), thread_counts(told, room)) == ((2, 0), {other: (1, 0)})

    await reads(bob, room, other, thread_id="main")
    told = await bob.sync(filter=PER_THREAD)
    assert (counts(told, room), thread_counts(told, room)) == ((0, 0), {other: (1, 0)})


async def test_an_unthreaded_receipt_reads_all_threads_up_to_its_event(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    root = await alice.send_text(room, "root")
    await in_thread(alice, room, root)
    last = await alice.send_text(room, "main")
    await in_thread(alice, room, root)

    await reads(bob, room, last)

    told = await bob.sync(filter=PER_THREAD)
    assert (counts(told, room), thread_counts(told, room)) == ((0, 0), {root: (1, 0)})


async def test_what_relates_to_a_threaded_event_is_in_its_thread(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    root = await alice.send_text(room, "root")
    child = await in_thread(alice, room, root)
    relates_to = {"rel_type": "m.reference", "event_id": child}
    content = {"msgtype": "m.text", "body": "about that", "m.relates_to": relates_to}
    await alice.send(room, "m.room.message", content)

    told = await bob.sync(filter=PER_THREAD)

    assert (counts(told, room), thread_counts(told, room)) == ((1, 0), {root: (2, 0)})


async def test_a_redacted_event_is_not_counted_any_more(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    await alice.send_text(room, "stays")
    mistake = await mention(alice, room, bob)
    assert await unread(bob, room) == (2, 1)
    since = (await bob.sync()).next_batch

    await alice.redact(room, mistake)

    told = await bob.sync(since, timeout=10_000)
    assert counts(told, room) == (1, 0)
    assert await unread(await client.login(bob.user_id), room) == (1, 0)


async def test_ignored_users_notify_nobody_who_ignores_them(client: Client) -> None:
    alice, bob, mallory = await client.register(), await client.register(), await client.register()
    room = await room_of(alice, bob, mallory)
    await unread(bob, room)
    ignored: Json = {"ignored_users": {mallory.user_id: {}}}
    await bob.request("PUT", bob.path("account_data", "m.ignored_user_list"), json=ignored)

    await mention(mallory, room, bob)
    await alice.send_text(room, "hi")

    assert await unread(bob, room) == (1, 0)
    assert await unread(alice, room) == (0, 0)


async def test_rules_are_those_of_the_moment(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    await alice.send_text(room, "heard")
    await unread(bob, room)

    await bob.request("PUT", path("pushrules", "global", "room", room), json={"actions": []})
    await alice.send_text(room, "not heard")
    await mention(alice, room, bob)
    assert await unread(bob, room) == (2, 1)

    await bob.request("DELETE", path("pushrules", "global", "room", room))
    await alice.send_text(room, "heard")
    assert await unread(bob, room) == (3, 1)


async def test_who_wants_nothing_at_all_is_told_of_nothing(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    enabled = path("pushrules", "global", "override", ".m.rule.master", "enabled")
    await bob.request("PUT", enabled, json={"enabled": True})

    await mention(alice, room, bob)

    assert await unread(bob, room) == (0, 0)


async def test_encrypted_messages_notify_and_reactions_do_not(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    event = await alice.send(room, "m.room.encrypted", {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "x"})
    relates_to = {"rel_type": "m.annotation", "event_id": event, "key": "+1"}
    await alice.send(room, "m.reaction", {"m.relates_to": relates_to})
    await alice.send(room, "m.room.message", {"msgtype": "m.notice", "body": "from a bot"})

    assert await unread(bob, room) == (1, 0)


async def test_the_whole_room_is_notified_by_those_who_may(client: Client) -> None:
    alice, bob, carol = await client.register(), await client.register(), await client.register()
    room = await room_of(alice, bob, carol)
    content = {"msgtype": "m.text", "body": "all", "m.mentions": {"room": True}}

    await alice.send(room, "m.room.message", content)
    assert await unread(carol, room) == (1, 1)
    await bob.send(room, "m.room.message", content)
    assert await unread(carol, room) == (2, 1)

    levels = await alice.state_content(room, "m.room.power_levels")
    await alice.send_state(room, "m.room.power_levels", {**levels, "notifications": {"room": 0}})
    await bob.send(room, "m.room.message", content)
    assert await unread(carol, room) == (3, 2)


async def test_rules_about_names_and_numbers_of_members(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    await bob.request("PUT", path("profile", bob.user_id, "displayname"), json={"displayname": "Bobby"})
    await _rule(bob, "name", [{"kind": "contains_display_name"}])
    three = {"kind": "room_member_count", "is": "3"}
    await _rule(bob, "crowd", [three, {"kind": "event_match", "key": "type", "pattern": "m.room.message"}])

    await alice.send_text(room, "bobby, hear")
    await alice.send_text(room, "nothing")
    assert await unread(bob, room) == (2, 1)

    await (carol := await client.register()).join(room)
    await carol.send_text(room, "now there are three")
    assert await unread(bob, room) == (3, 2)

    await carol.leave(room)
    await alice.send_text(room, "and two")
    assert await unread(bob, room) == (4, 2)


async def test_who_was_invited_and_joins_begins_with_nothing_unread(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="private_chat", invite=[bob.user_id])
    await alice.send_text(room, "before")

    await bob.join(room)
    assert await unread(bob, room) == (0, 0)
    await alice.send_text(room, "after")
    assert await unread(bob, room) == (1, 0)

    await bob.leave(room)
    await alice.invite(room, bob.user_id)
    await bob.join(room)
    assert await unread(bob, room) == (0, 0)


async def test_what_a_filter_hides_is_counted_all_the_same(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    hiding = {"room": {"timeline": {"not_types": ["m.room.message"]}}}
    since = (await bob.sync(filter=hiding)).next_batch

    await alice.send_text(room, "hi")

    told = await bob.sync_until(lambda sync: counts(sync, room), since, filter=hiding)
    assert (told.timeline(room), counts(told, room)) == ([], (1, 0))


async def test_more_events_than_memory_lists_one_by_one(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    await unread(bob, room)
    events = [await alice.send_text(room, f"message {n}") for n in range(150)]
    assert await unread(bob, room) == (150, 0)

    await reads(bob, room, events[4])
    assert await unread(bob, room) == (145, 0)
    await reads(bob, room, events[140])
    assert await unread(bob, room) == (9, 0)


async def _rule(user: User, name: str, conditions: list[dict[str, str]]) -> None:
    body = {"conditions": conditions, "actions": ["notify", {"set_tweak": "highlight"}]}
    await user.request("PUT", path("pushrules", "global", "override", name), json=body)
