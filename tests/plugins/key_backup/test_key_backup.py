"""Encrypted copies of room keys (client-server API, "Server-side key backups")."""

from __future__ import annotations

import asyncio

import pytest

from hs_core.testing.client import Client, User
from hs_core.testing.http import Json, path

ALGORITHM = "m.megolm_backup.v1.curve25519-aes-sha2"


def session(index: int = 0, forwarded: int = 0, verified: bool = False, text: str = "secret") -> Json:
    return {
        "first_message_index": index,
        "forwarded_count": forwarded,
        "is_verified": verified,
        "session_data": {"ciphertext": text},
    }


async def create(user: User) -> str:
    body = {"algorithm": ALGORITHM, "auth_data": {"public_key": "key"}}
    version: str = (await user.request("POST", "/room_keys/version", json=body))["version"]
    return version


async def put(user: User, version: str, rooms: dict[str, Json]) -> Json:
    body = {"rooms": {room: {"sessions": sessions} for room, sessions in rooms.items()}}
    state: Json = await user.request("PUT", f"/room_keys/keys?version={version}", json=body)
    return state


async def get(user: User, version: str, *part: str) -> Json:
    found: Json = await user.request("GET", path("room_keys", "keys", *part) + f"?version={version}")
    return found


async def test_what_is_backed_up_can_be_had_as_a_whole_and_in_parts(client: Client) -> None:
    alice = await client.register()
    version = await create(alice)
    assert await get(alice, version) == {"rooms": {}}
    rooms: dict[str, Json] = {"!a:example.org": {"1": session(), "2": session(3)}, "!b:example.org": {"1": session(4)}}
    state = await put(alice, version, rooms)
    assert state["count"] == 3
    assert await get(alice, version) == {"rooms": {room: {"sessions": found} for room, found in rooms.items()}}
    assert await get(alice, version, "!a:example.org") == {"sessions": rooms["!a:example.org"]}
    assert await get(alice, version, "!c:example.org") == {"sessions": {}}
    assert await get(alice, version, "!a:example.org", "2") == session(3)
    missing = path("room_keys", "keys", "!a:example.org", "3") + f"?version={version}"
    assert await alice.error("GET", missing) == (404, "M_NOT_FOUND")


async def test_a_backup_of_many_sessions_is_whole(client: Client) -> None:
    alice = await client.register()
    version = await create(alice)
    rooms = {f"!{room}:example.org": {f"{number}": session(number) for number in range(400)} for room in "ab"}
    await put(alice, version, rooms)
    found = await get(alice, version)
    assert {room: of_room["sessions"] for room, of_room in found["rooms"].items()} == rooms


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (session(9, 9, True), session(0, 0, False)),
        (session(1, 9), session(2, 0)),
        (session(1, 1), session(1, 2)),
    ],
)
async def test_the_better_copy_is_kept_whichever_comes_first(client: Client, better: Json, worse: Json) -> None:
    alice = await client.register()
    version = await create(alice)
    for room, first, second in (("!a:b.c", better, worse), ("!d:b.c", worse, better)):
        await put(alice, version, {room: {"1": first}})
        await put(alice, version, {room: {"1": second}})
        assert await get(alice, version, room, "1") == better


async def test_the_etag_changes_with_what_is_held_and_only_then(client: Client) -> None:
    alice = await client.register()
    version = await create(alice)
    where = path("room_keys", "keys", "!a:b.c", "1") + f"?version={version}"
    first = await alice.request("PUT", where, json=session(5))
    assert await alice.request("PUT", where, json=session(5, text="again")) == first
    second = await alice.request("PUT", where, json=session(4))
    assert (second["count"], second["etag"] != first["etag"]) == (1, True)
    told = await alice.request("GET", f"/room_keys/version/{version}")
    assert (told["count"], told["etag"]) == (1, second["etag"])
    gone = await alice.request("DELETE", where)
    assert (gone["count"], gone["etag"] != second["etag"]) == (0, True)
    assert await alice.request("DELETE", where) == gone


async def test_only_the_newest_version_is_written_to(client: Client) -> None:
    alice = await client.register()
    old, new = await create(alice), await create(alice)
    body = {"sessions": {"1": session()}}
    where = path("room_keys", "keys", "!a:b.c")
    answer = await alice.answer("PUT", f"{where}?version={old}", json=body)
    assert (answer.status, answer.errcode) == (403, "M_WRONG_ROOM_KEYS_VERSION")
    assert answer.body["current_version"] == new
    await alice.request("PUT", f"{where}?version={new}", json=body)


async def test_a_deleted_version_is_gone_and_its_number_with_it(client: Client) -> None:
    alice = await client.register()
    old, new = await create(alice), await create(alice)
    await put(alice, new, {"!a:b.c": {"1": session()}})
    await alice.request("DELETE", f"/room_keys/version/{new}")
    assert (await alice.request("GET", "/room_keys/version"))["version"] == old
    assert await alice.error("GET", f"/room_keys/version/{new}") == (404, "M_NOT_FOUND")
    assert await alice.error("GET", f"/room_keys/keys?version={new}") == (404, "M_NOT_FOUND")
    newest = await create(alice)
    assert newest not in {old, new}
    assert await get(alice, newest) == {"rooms": {}}


async def test_to_delete_a_version_again_does_no_harm(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    version = await create(alice)
    for user in (bob, alice):
        assert await user.error("DELETE", "/room_keys/version/99") == (404, "M_NOT_FOUND")
    assert await bob.error("DELETE", f"/room_keys/version/{version}") == (404, "M_NOT_FOUND")
    for _ in range(2):
        assert await alice.request("DELETE", f"/room_keys/version/{version}") == {}
    assert await alice.error("GET", "/room_keys/version") == (404, "M_NOT_FOUND")


async def test_auth_data_can_be_changed_and_the_algorithm_cannot(client: Client) -> None:
    alice = await client.register()
    version = await create(alice)
    where = f"/room_keys/version/{version}"
    body = {"algorithm": ALGORITHM, "auth_data": {"public_key": "other"}}
    await alice.request("PUT", where, json=body)
    assert (await alice.request("GET", where))["auth_data"] == {"public_key": "other"}
    for wrong in ({**body, "algorithm": "other"}, {**body, "version": "99"}):
        assert await alice.error("PUT", where, json=wrong) == (400, "M_INVALID_PARAM")


async def test_versions_made_at_the_same_time_are_different_ones(client: Client) -> None:
    alice = await client.register()
    versions = await asyncio.gather(*(create(alice) for _ in range(5)))
    assert len(set(versions)) == 5


async def test_nobody_has_another_s_backup(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    version = await create(alice)
    assert await bob.error("GET", "/room_keys/version") == (404, "M_NOT_FOUND")
    assert await bob.error("GET", f"/room_keys/keys?version={version}") == (404, "M_NOT_FOUND")


@pytest.mark.parametrize(
    "wrong",
    [
        {"first_message_index": "1"},
        {"first_message_index": -1},
        {"forwarded_count": True},
        {"forwarded_count": 2**60},
        {"is_verified": 1},
    ],
)
async def test_a_session_that_cannot_be_is_refused(client: Client, wrong: Json) -> None:
    alice = await client.register()
    version = await create(alice)
    where = path("room_keys", "keys", "!a:b.c", "1") + f"?version={version}"
    assert await alice.error("PUT", where, json={**session(), **wrong}) == (400, "M_BAD_JSON")
    assert await get(alice, version) == {"rooms": {}}


async def test_requests_that_make_no_sense_are_refused(client: Client) -> None:
    alice = await client.register()
    version = await create(alice)
    assert await alice.error("PUT", "/room_keys/keys", json={"rooms": {}}) == (400, "M_MISSING_PARAM")
    assert await alice.error("PUT", f"/room_keys/keys?version={version}", json={}) == (400, "M_BAD_JSON")
    assert await alice.error("PUT", "/room_keys/keys?version=x", json={"rooms": {}}) == (404, "M_NOT_FOUND")
    assert await alice.error("POST", "/room_keys/version", json={"auth_data": {}}) == (400, "M_BAD_JSON")
    large = session(text="x" * 20_000)
    where = path("room_keys", "keys", "!a:b.c", "1") + f"?version={version}"
    assert await alice.error("PUT", where, json=large) == (413, "M_TOO_LARGE")
