"""Full text search, through its public door."""

from __future__ import annotations

from typing import Any

import pytest

from hs_core.testing.client import Client, User
from hs_core.testing.http import path
from tests.plugins.search.acts import SEARCH, find, ids, search, unique


async def test_what_was_said_is_found_by_its_words_at_once(client: Client) -> None:
    alice, stranger, word = await client.register(), await client.register(), unique()
    room = await alice.create_room()
    event = await alice.send_text(room, f"Martians and {word.upper()}: men!")
    for term in (word, f"{word} martians", f'"and {word}"', f"MEN {word}", f"«{word}»"):
        found = await search(alice, term)
        assert ids(found) == [event]
        assert found["count"] == 1
        assert "next_batch" not in found
        assert found["results"][0]["rank"] > 0
        assert found["results"][0]["result"]["content"]["body"] == f"Martians and {word.upper()}: men!"
        assert found["results"][0]["result"]["room_id"] == room
    for term in (f"{word} women", word[:-1], f'"martians {word}"', f"-{word}-x"):
        assert await find(alice, term) == []
    assert await find(stranger, word) == []


@pytest.mark.parametrize(
    ("said", "term"),
    [
        ("José's café", "jose cafe"),
        ("straße", "STRASSE"),
        ("東京に行く", "東京"),
        ("서울에서 만나", "서울"),
        ("สวัสดีครับ", "สวัสดี"),
        ("नमस्ते दुनिया", "दुनिया"),
        ("see https://example.org/path_to/file.txt", "example.org/path_to"),
        ("x" * 200, "X" * 200),
        ("null\0byte", "null"),
        ("1e5 -5 0x1f 3.14", "0x1f 3.14"),
        ("don't'); DROP TABLE", "don't drop"),
    ],
)
async def test_words_of_all_kinds_are_found(client: Client, said: str, term: str) -> None:
    alice, word = await client.register(), unique()
    room = await alice.create_room()
    event = await alice.send_text(room, f"{word} {said}")
    assert await find(alice, f"{word} {term}") == [event]


async def test_names_and_topics_are_found_by_their_keys(client: Client) -> None:
    alice, word = await client.register(), unique()
    room = await alice.create_room()
    message = await alice.send_text(room, f"body {word}")
    name = await alice.send_state(room, "m.room.name", {"name": f"name {word}"})
    texts = [{"body": f"<b>html{word}</b>", "mimetype": "text/html"}, {"body": f"plain{word}"}]
    topic = await alice.send_state(room, "m.room.topic", {"topic": f"topic {word}", "m.topic": {"m.text": texts}})
    await alice.send(room, "org.example.other", {"body": word, "name": word, "topic": word})

    assert await find(alice, word) == [topic, name, message]
    assert await find(alice, word, keys=["content.body"]) == [message]
    assert await find(alice, word, keys=["content.name", "content.topic"]) == [topic, name]
    assert await find(alice, word, keys=[]) == []
    assert await find(alice, f"plain{word}") == [topic]
    assert await find(alice, f"html{word}") == []


async def test_content_that_is_no_text_harms_nobody(client: Client) -> None:
    alice, word = await client.register(), unique()
    room = await alice.create_room()
    for content in ({"body": 5}, {"body": None}, {"body": [word]}, {"body": {"x": word}}, {}, {"body": ""}):
        await alice.send(room, "m.room.message", {"msgtype": "m.text", **content})
    await alice.send_state(room, "m.room.topic", {"topic": 5, "m.topic": {"m.text": [5, {"body": 5}, {}]}})
    nested: Any = word
    for _ in range(240):
        nested = [nested]
    deep = await alice.send(room, "m.room.message", {"msgtype": "m.text", "body": word, "x": nested})
    huge = await alice.send_text(room, f"{word} " + "\ufdfa" * 15_000)
    event = await alice.send_text(room, word)
    assert await find(alice, word) == [event, huge, deep]


async def test_only_what_the_searcher_may_see_is_found_and_counted(client: Client) -> None:
    alice, bob, word = await client.register(), await client.register(), unique()
    visibility = {"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": "joined"}}
    room = await alice.create_room(preset="public_chat", initial_state=[visibility])
    await alice.send_text(room, f"{word} before")
    await bob.join(room)
    during = await alice.send_text(room, f"{word} during")
    await bob.leave(room)
    await alice.send_text(room, f"{word} after")

    found = await search(bob, word)
    assert (ids(found), found["count"]) == ([during], 1)
    assert (await search(alice, word))["count"] == 3
    await bob.request("POST", path("rooms", room, "forget"), json={})
    assert await find(bob, word) == []


async def test_rooms_that_one_has_left_are_searched_as_they_were(client: Client) -> None:
    alice, bob, word = await client.register(), await client.register(), unique()
    room = await alice.create_room(preset="public_chat")
    before = await alice.send_text(room, f"{word} before")
    await bob.join(room)
    during = await alice.send_text(room, f"{word} during")
    await bob.leave(room)
    await alice.send_state(room, "m.room.name", {"name": "Later"})
    await alice.send_text(room, f"{word} after")
    found = await search(bob, word, order_by="recent", include_state=True, event_context={})
    assert ids(found) == [during, before]
    assert "Later" not in [event["content"].get("name") for event in found["state"][room]]
    assert all(
        event["type"] != "m.room.name" for result in found["results"] for event in result["context"]["events_after"]
    )


async def test_an_invitation_shows_nothing(client: Client) -> None:
    alice, bob, word = await client.register(), await client.register(), unique()
    room = await alice.create_room(preset="private_chat", invite=[bob.user_id])
    await alice.send_text(room, word)
    assert await find(bob, word) == []


async def test_a_world_readable_room_is_searched_by_whoever_names_it(client: Client) -> None:
    alice, bob, word = await client.register(), await client.register(), unique()
    world = {"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": "world_readable"}}
    room = await alice.create_room(initial_state=[world])
    event = await alice.send_text(room, word)
    hidden = await alice.create_room()
    await alice.send_text(hidden, word)
    assert await find(bob, word) == []
    assert await find(bob, word, filter={"rooms": [room, hidden, "!nowhere:hs.test"]}) == [event]


async def test_what_is_redacted_vanishes(client: Client) -> None:
    alice, bob, word = await client.register(), await client.register(), unique()
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    event, other = await alice.send_text(room, word), await alice.send_text(room, f"{word} too")
    assert await find(bob, word) == [other, event]
    await alice.redact(room, event)
    assert await find(bob, word) == [other]
    assert await find(bob, word, filter={"limit": 1}) == [other]


async def test_encrypted_rooms_are_not_found(client: Client) -> None:
    alice, word = await client.register(), unique()
    room = await alice.create_room(name=f"{word} room")
    name = await find(alice, word)
    assert len(name) == 1
    await alice.send_text(room, word)
    await alice.send_state(room, "m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"})
    assert await find(alice, word) == []


async def test_ignored_users_are_not_found(client: Client) -> None:
    alice, bob, word = await client.register(), await client.register(), unique()
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    await bob.send_text(room, f"{word} bob")
    own = await alice.send_text(room, f"{word} alice")
    ignored: dict[str, Any] = {"ignored_users": {bob.user_id: {}}}
    await alice.request("PUT", alice.path("account_data", "m.ignored_user_list"), json=ignored)
    found = await search(alice, word, event_context={})
    assert ids(found) == [own]
    around = found["results"][0]["context"]["events_before"]
    assert not [event for event in around if event["sender"] == bob.user_id and "state_key" not in event]


async def test_filters_choose_rooms_senders_types_and_urls(client: Client) -> None:
    alice, bob, word = await client.register(), await client.register(), unique()
    first, second = await alice.create_room(preset="public_chat"), await alice.create_room()
    await bob.join(first)
    one = await alice.send_text(first, word)
    two = await bob.send_text(first, word)
    three = await alice.send(second, "m.room.message", {"msgtype": "m.image", "body": word, "url": "mxc://hs.test/x"})
    four = await alice.send_state(second, "m.room.name", {"name": word})

    async def filtered(**wanted: Any) -> list[str]:
        return await find(alice, word, filter=wanted)

    assert await filtered() == [four, three, two, one]
    assert await filtered(rooms=[first]) == [two, one]
    assert await filtered(not_rooms=[first]) == [four, three]
    assert await filtered(rooms=[]) == []
    assert await filtered(senders=[bob.user_id]) == [two]
    assert await filtered(not_senders=[alice.user_id]) == [two]
    assert await filtered(types=["m.room.name"]) == [four]
    assert await filtered(not_types=["m.room.*"]) == []
    assert await filtered(contains_url=True) == [three]
    assert await filtered(limit=2) == [four, three]


async def test_a_room_is_searched_with_those_that_it_replaced(client: Client) -> None:
    alice, word = await client.register(), unique()
    old = await alice.create_room()
    before = await alice.send_text(old, word)
    new = (await alice.request("POST", path("rooms", old, "upgrade"), json={"new_version": "11"}))["replacement_room"]
    after = await alice.send_text(new, word)
    assert await find(alice, word, filter={"rooms": [new]}) == [after, before]
    assert await find(alice, word, filter={"rooms": [new], "not_rooms": [old]}) == [after]
    assert await find(alice, word, filter={"rooms": [old]}) == [before]


async def test_the_best_come_first_and_the_latest_if_that_is_asked_for(client: Client) -> None:
    alice, word = await client.register(), unique()
    room = await alice.create_room()
    best = await alice.send_text(room, f"{word} {word} {word}")
    good = await alice.send_text(room, f"{word} says a short text")
    poor = await alice.send_text(room, f"{word} is one of many words here " + "and " * 100)
    assert ids(await search(alice, word)) == [best, good, poor]
    assert ids(await search(alice, word, order_by="rank")) == [best, good, poor]
    found = await search(alice, word, order_by="recent")
    assert ids(found) == [poor, good, best]
    assert sorted(each["rank"] for each in found["results"]) == [each["rank"] for each in found["results"]]


@pytest.mark.parametrize("order", ["rank", "recent"])
async def test_pages_follow_each_other_without_gap_or_repetition(client: Client, order: str) -> None:
    alice, word = await client.register(), unique()
    rooms = [await alice.create_room() for _ in range(2)]
    events = [await alice.send_text(rooms[number % 2], f"{word} {'x ' * (number % 3)}") for number in range(7)]
    criteria: dict[str, Any] = {"order_by": order, "filter": {"limit": 3}}
    pages, batch = [], None
    while True:
        found = await search(alice, word, batch=batch, **criteria)
        assert found["count"] == 7
        pages.append(ids(found))
        await alice.send_text(rooms[0], f"{word} later")
        batch = found.get("next_batch")
        if batch is None:
            break
    assert [len(page) for page in pages] == [3, 3, 1]
    assert sorted(event for page in pages for event in page) == sorted(events)


@pytest.mark.parametrize("order", ["rank", "recent"])
@pytest.mark.parametrize("key", ["room_id", "sender"])
async def test_groups_have_pages_of_their_own(client: Client, order: str, key: str) -> None:
    alice, bob, word = await client.register(), await client.register(), unique()
    rooms = [await alice.create_room(preset="public_chat"), await alice.create_room(preset="public_chat")]
    said: dict[str, list[str]] = {}
    for user, room in ((alice, rooms[0]), (bob, rooms[1])):
        await bob.join(room)
        for number in range(4):
            event = await user.send_text(room, f"{word} {number}")
            said.setdefault(room if key == "room_id" else user.user_id, []).append(event)
    criteria: dict[str, Any] = {
        "order_by": order,
        "filter": {"limit": 5},
        "groupings": {"group_by": [{"key": key}]},
    }
    found = await search(alice, word, **criteria)
    groups = found["groups"][key]
    assert set(groups) == set(said)
    assert [event for event in ids(found) if event in said[ids_first(groups)]] == groups[ids_first(groups)]["results"]
    assert sorted(group["order"] for group in groups.values()) == [1, 2]
    for value, group in groups.items():
        shown, batch = list(group["results"]), group.get("next_batch")
        while batch is not None:
            more = await search(alice, word, batch=batch, **{**criteria, "filter": {"limit": 2}})
            assert "next_batch" not in more
            assert ids(more) == more["groups"][key][value]["results"]
            shown += ids(more)
            batch = more["groups"][key][value].get("next_batch")
        assert sorted(shown) == sorted(said[value])
        if order == "recent":
            assert shown == said[value][::-1]


def ids_first(groups: dict[str, Any]) -> str:
    """The group that comes first."""
    return min(groups, key=lambda value: int(groups[value]["order"]))


async def test_a_result_is_shown_with_what_was_said_around_it(client: Client) -> None:
    alice, bob, word = await client.register(), await client.register(), unique()
    await alice.request("PUT", path("profile", alice.user_id, "displayname"), json={"displayname": "Alice"})
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    events = [await (bob if number == 3 else alice).send_text(room, f"number {number}") for number in range(4)]
    hit = await alice.send_text(room, word)
    later = [await alice.send_text(room, f"number {number}") for number in range(4, 8)]
    await alice.request("PUT", path("profile", alice.user_id, "displayname"), json={"displayname": "Alicia"})

    wanted = {"before_limit": 2, "after_limit": 3, "include_profile": True}
    context = (await search(alice, word, event_context=wanted))["results"][0]["context"]
    assert [event["event_id"] for event in context["events_before"]] == [events[3], events[2]]
    assert [event["event_id"] for event in context["events_after"]] == later[:3]
    assert context["profile_info"] == {alice.user_id: {"displayname": "Alice"}, bob.user_id: {}}
    earlier = await alice.messages(room, **{"from": context["start"], "limit": "1"})
    assert [event["event_id"] for event in earlier["chunk"]] == [events[1]]
    after = await alice.messages(room, backwards=False, **{"from": context["end"], "limit": "1"})
    assert [event["event_id"] for event in after["chunk"]] == [later[3]]

    context = (await search(alice, word, event_context={}))["results"][0]["context"]
    assert (len(context["events_before"]), len(context["events_after"])) == (5, 5)
    assert "profile_info" not in context
    none = (await search(alice, word, event_context={"before_limit": 0, "after_limit": 0}))["results"][0]["context"]
    assert (none["events_before"], none["events_after"]) == ([], [])
    assert ids(await search(alice, word)) == [hit]
    assert "context" not in (await search(alice, word))["results"][0]


async def test_the_state_of_the_rooms_comes_along_if_asked_for(client: Client) -> None:
    alice, word = await client.register(), unique()
    room = await alice.create_room(name="A room")
    await alice.send_text(room, word)
    state = (await search(alice, word, include_state=True))["state"]
    assert list(state) == [room]
    assert {event["type"] for event in state[room]} >= {"m.room.create", "m.room.name", "m.room.member"}
    assert "state" not in await search(alice, word)


async def test_words_to_highlight_are_those_of_the_texts(client: Client) -> None:
    alice, word = await client.register(), unique()
    room = await alice.create_room()
    await alice.send_text(room, f"CAFÉ {word}, not decaf")
    found = await search(alice, f"cafe {word.upper()}")
    assert sorted(found["highlights"]) == sorted(["cafe", "café", word])


ODD = [
    *(
        "",
        " ",
        "!!!",
        '"',
        '""',
        '"unfinished',
        "a AND",
        "NEAR(a b)",
        "body:x",
        "words : x",
        "a* b*",
        "^a",
        "-a",
        "(",
        ")",
    ),
    *("'", "''", "a'b", "\\", "a\\'", "&", "|", "!", "<->", ":*", "a:*", "a & | b", "\0", "x\0y", "%_", "{room} : x"),
    *("NOT", "OR", "a OR b", "room : roomab", "🦊", "\u200d", "\U0010ffff", "a " * 900, "é" * 2000, '"a b" ' * 300),
]


async def test_any_text_may_be_searched_for(client: Client) -> None:
    user = await client.register()
    room = await user.create_room()
    await user.send_text(room, "something else")
    for term in ODD:
        assert await find(user, term) == []


@pytest.mark.parametrize(
    ("criteria", "errcode"),
    [
        ({"search_term": 5}, "M_BAD_JSON"),
        ({}, "M_MISSING_PARAM"),
        ({"search_term": "x" * 2001}, "M_INVALID_PARAM"),
        ({"search_term": "x", "keys": ["content.other"]}, "M_INVALID_PARAM"),
        ({"search_term": "x", "keys": "content.body"}, "M_BAD_JSON"),
        ({"search_term": "x", "order_by": "random"}, "M_INVALID_PARAM"),
        ({"search_term": "x", "filter": {"rooms": ["nonsense"]}}, "M_INVALID_PARAM"),
        ({"search_term": "x", "filter": {"limit": -1}}, "M_INVALID_PARAM"),
        ({"search_term": "x", "filter": []}, "M_BAD_JSON"),
        ({"search_term": "x", "event_context": {"before_limit": -1}}, "M_INVALID_PARAM"),
        ({"search_term": "x", "event_context": {"after_limit": "5"}}, "M_BAD_JSON"),
        ({"search_term": "x", "groupings": {"group_by": [{"key": "type"}]}}, "M_INVALID_PARAM"),
        ({"search_term": "x", "groupings": {"group_by": [{}]}}, "M_MISSING_PARAM"),
        ({"search_term": "x", "groupings": {"group_by": [{"key": "sender"}] * 11}}, "M_INVALID_PARAM"),
    ],
)
async def test_what_is_no_search_is_refused(client: Client, criteria: dict[str, Any], errcode: str) -> None:
    user = await client.register()
    body = {"search_categories": {"room_events": criteria}}
    assert await user.error("POST", SEARCH, json=body) == (400, errcode)


async def test_a_search_in_no_category_finds_nothing(client: Client) -> None:
    user = await client.register()
    assert await user.request("POST", SEARCH, json={"search_categories": {}}) == {"search_categories": {}}
    assert await user.error("POST", SEARCH, json={}) == (400, "M_MISSING_PARAM")
    assert await client.error("POST", SEARCH, json={}) == (401, "M_MISSING_TOKEN")


async def test_a_token_that_is_none_is_refused(client: Client) -> None:
    alice, word = await client.register(), unique()
    room = await alice.create_room()
    for _ in range(2):
        await alice.send_text(room, word)
    token = (await search(alice, word, filter={"limit": 1}))["next_batch"]
    for wrong in ("x", "é", "!!!", token[:-4], token * 40, "W10"):
        await _refused(alice, word, wrong)
    await _refused(alice, word, token, order_by="recent")


async def _refused(user: User, word: str, token: str, **criteria: Any) -> None:
    body = {"search_categories": {"room_events": {"search_term": word, **criteria}}}
    answer = await user.request("POST", SEARCH, json=body, params={"next_batch": token}, expect=400)
    assert answer["errcode"] == "M_INVALID_PARAM"
