"""The user directory, through its public door."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from hs_core.testing.client import Client
from hs_core.testing.http import path
from tests.plugins.user_directory.acts import SEARCH, call, search, unique


async def test_who_shares_a_room_is_found_by_id_and_name_and_strangers_are_not(client: Client) -> None:
    alice, bob, stranger = await client.register(), await client.register(unique("bob")), await client.register()
    name = unique("Robert")
    await call(bob, f"{name} Smith")
    assert await search(alice, name) == []

    room = await alice.create_room(invite=[bob.user_id])
    assert await search(alice, name) == []
    await bob.join(room)

    for term in (bob.user_id, bob.localpart, bob.localpart[:-3].upper(), name, f"smith {name}", name.lower()):
        assert await search(alice, term) == [bob.user_id]
        assert await search(stranger, term) == []
    assert await search(alice, f"{name} Jones") == []
    assert await search(bob, alice.localpart) == [alice.user_id]

    await bob.leave(room)
    assert await search(alice, name) == []


@pytest.mark.parametrize(
    "openness",
    [
        {"preset": "public_chat"},
        {
            "initial_state": [
                {
                    "type": "m.room.history_visibility",
                    "state_key": "",
                    "content": {"history_visibility": "world_readable"},
                }
            ]
        },
    ],
    ids=["join rule", "history visibility"],
)
async def test_everybody_finds_members_of_public_rooms(client: Client, openness: dict[str, Any]) -> None:
    alice, bob = await client.register(unique("alice")), await client.register()
    room = await alice.create_room(**openness)
    assert await search(bob, alice.localpart) == [alice.user_id]
    assert await search(alice, alice.localpart) == [alice.user_id]

    await alice.leave(room)
    assert await search(bob, alice.localpart) == []


async def test_a_room_that_closes_hides_its_members(client: Client) -> None:
    alice, bob, carol = await client.register(unique("alice")), await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat")
    await carol.join(room)
    await alice.send_state(room, "m.room.join_rules", {"join_rule": "invite"})
    assert await search(bob, alice.localpart) == []
    assert await search(carol, alice.localpart) == [alice.user_id]
    await alice.send_state(room, "m.room.join_rules", {"join_rule": "public"})
    assert await search(bob, alice.localpart) == [alice.user_id]


async def test_a_new_name_replaces_the_old_one(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    before, after = unique("Élodie"), unique("Zoë")
    await call(alice, before)
    await alice.request("PUT", path("profile", alice.user_id, "avatar_url"), json={"avatar_url": "mxc://hs.test/face"})
    await alice.create_room(preset="public_chat")
    assert await search(bob, before.replace("É", "e")) == [alice.user_id]

    await call(alice, after)
    assert await search(bob, before) == []
    found = await bob.request("POST", SEARCH, json={"search_term": after.replace("ë", "e")})
    assert found == {
        "results": [{"user_id": alice.user_id, "display_name": after, "avatar_url": "mxc://hs.test/face"}],
        "limited": False,
    }
    await call(alice, "")
    assert await search(bob, after) == []


async def test_a_name_that_somebody_has_in_one_room_only_is_not_told_elsewhere(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    name, secret = unique("Alice"), unique("Agent")
    await call(alice, name)
    await alice.create_room(preset="public_chat")
    hidden = await alice.create_room()
    member = {"membership": "join", "displayname": secret}
    await alice.send_state(hidden, "m.room.member", member, alice.user_id)
    assert await search(bob, secret) == []
    assert await search(bob, name) == [alice.user_id]


async def test_who_is_deactivated_vanishes(client: Client) -> None:
    alice, bob = await client.register(unique("alice")), await client.register()
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    assert await search(bob, alice.localpart) == [alice.user_id]
    identifier = {"type": "m.id.user", "user": alice.user_id}
    auth = {"type": "m.login.password", "identifier": identifier, "password": alice.password}
    await alice.request("POST", "/account/deactivate", json={"auth": auth})
    assert await search(bob, alice.localpart) == []


async def test_a_limit_cuts_the_worst_matches_and_says_so(client: Client) -> None:
    searcher, name = await client.register(), unique("sam")
    room = await searcher.create_room(preset="public_chat")
    sams = [await client.register(f"{name}{letter}") for letter in "cab"]
    exact = await client.register()
    await call(exact, name.upper())
    for user in (*sams, exact):
        await user.join(room)
    expected = [exact.user_id, *sorted(user.user_id for user in sams)]
    assert await search(searcher, name) == expected
    for limit, limited in ((0, True), (1, True), (3, True), (4, False), (10**6, False)):
        answer = await searcher.request("POST", SEARCH, json={"search_term": name, "limit": limit})
        assert [found["user_id"] for found in answer["results"]] == expected[:limit]
        assert answer["limited"] is limited


async def test_the_language_of_the_searcher_tells_how_umlauts_are_written_out(client: Client) -> None:
    alice, bob, suffix = await client.register(), await client.register(), uuid4().int % 10**12
    await call(alice, f"Jürgen{suffix}")
    await alice.create_room(preset="public_chat")
    written = f"Juergen{suffix}"
    assert await search(bob, written) == []
    assert await search(bob, written, headers={"Accept-Language": "de-AT,en;q=0.5"}) == [alice.user_id]


@pytest.mark.parametrize(
    "term", ["", "  ", "@", "\0", "%", "_", "'", '" OR 1', "a" * 10_000, "a " * 5_000, "\U0010ffff"]
)
async def test_any_text_may_be_searched_for(client: Client, term: str) -> None:
    user = await client.register()
    assert user.user_id not in await search(user, term)


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        ({}, "M_MISSING_PARAM"),
        ({"search_term": 5}, "M_BAD_JSON"),
        ({"search_term": None}, "M_BAD_JSON"),
        ({"search_term": "x", "limit": -1}, "M_INVALID_PARAM"),
        ({"search_term": "x", "limit": "many"}, "M_BAD_JSON"),
        ([], "M_BAD_JSON"),
    ],
)
async def test_what_is_no_search_is_refused(client: Client, body: object, errcode: str) -> None:
    user = await client.register()
    assert await user.error("POST", SEARCH, json=body) == (400, errcode)


async def test_nobody_searches_without_an_account(client: Client) -> None:
    assert await client.error("POST", SEARCH, json={"search_term": "x"}) == (401, "M_MISSING_TOKEN")
    guest = await client.register_guest()
    assert (await guest.error("POST", SEARCH, json={"search_term": "x"}))[0] == 403
