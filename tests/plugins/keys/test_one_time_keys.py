"""One-time keys and fallback keys are uploaded, counted and claimed."""

from __future__ import annotations

import asyncio

import pytest

from hs_core.testing.client import Client, User
from hs_core.testing.http import Json
from tests.plugins.keys.devices import claim, upload


def some(count: int, algorithm: str = "signed_curve25519") -> Json:
    return {f"{algorithm}:K{number}": {"key": f"key {number}", "signatures": {}} for number in range(count)}


async def supply(user: User) -> tuple[Json, list[str]]:
    sync = await user.sync()
    return sync["device_one_time_keys_count"], sync["device_unused_fallback_key_types"]


async def test_each_key_is_claimed_exactly_once_and_counted(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    assert await upload(bob, one_time_keys=some(3)) == {"signed_curve25519": 3}
    claimed = [await claim(alice, bob, "signed_curve25519") for _ in range(4)]
    assert claimed[3] == {}
    assert sorted(name for key in claimed[:3] for name in key) == sorted(some(3))
    assert claimed[0]["signed_curve25519:K0"] == {"key": "key 0", "signatures": {}}
    assert await supply(bob) == ({"signed_curve25519": 0}, [])


async def test_concurrent_claims_never_get_the_same_key(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    await upload(bob, one_time_keys=some(20))
    claimed = await asyncio.gather(*(claim(alice, bob, "signed_curve25519") for _ in range(25)))
    assert sorted(name for key in claimed for name in key) == sorted(some(20))


async def test_keys_that_came_first_are_claimed_first(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    await upload(bob, one_time_keys={"a:z": "first"})
    await upload(bob, one_time_keys={"a:b": "second"})
    assert [await claim(alice, bob, "a"), await claim(alice, bob, "a")] == [{"a:z": "first"}, {"a:b": "second"}]


async def test_an_id_that_another_key_has_is_refused(client: Client) -> None:
    alice = await client.register()
    await upload(alice, one_time_keys={"a:1": "key", "s:1": {"key": "key", "signatures": {"@a:b": {"x:y": "1"}}}})
    again: Json = {"a:1": "key", "s:1": {"key": "key", "signatures": {"@a:b": {"x:y": "2"}}}}
    assert await upload(alice, one_time_keys=again) == {"a": 1, "s": 1}
    for other in ({"a:1": "other"}, {"s:1": {"key": "other", "signatures": {}}}):
        body = {"one_time_keys": {**other, "a:2": "new"}}
        assert await alice.error("POST", "/keys/upload", json=body) == (400, "M_INVALID_PARAM")
    assert await upload(alice) == {"a": 1, "s": 1}


async def test_a_fallback_key_is_given_when_there_is_no_other_and_told_as_used(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    fallback = {"signed_curve25519:F": {"key": "fallback", "fallback": True, "signatures": {}}}
    await upload(bob, one_time_keys=some(1), fallback_keys=fallback)
    assert await supply(bob) == ({"signed_curve25519": 1}, ["signed_curve25519"])
    assert list(await claim(alice, bob, "signed_curve25519")) == ["signed_curve25519:K0"]
    since = (await bob.sync()).next_batch
    for _ in range(2):
        assert await claim(alice, bob, "signed_curve25519") == fallback
    await bob.sync_until(lambda sync: sync.get("device_unused_fallback_key_types") == [], since)
    await upload(bob, fallback_keys={"signed_curve25519:G": {"key": "new", "fallback": True, "signatures": {}}})
    assert (await supply(bob))[1] == ["signed_curve25519"]


async def test_a_claim_wakes_the_device_whose_key_it_took(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    await upload(bob, one_time_keys=some(2))
    since = (await bob.sync()).next_batch
    one_left = {"signed_curve25519": 1}
    waiting = asyncio.create_task(
        bob.sync_until(lambda sync: sync.get("device_one_time_keys_count") == one_left, since)
    )
    await claim(alice, bob, "signed_curve25519")
    await waiting


async def test_a_response_about_rooms_has_the_counts_as_well(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    await upload(alice, one_time_keys=some(2))
    since = (await alice.sync()).next_batch
    await alice.send_text(room, "hi")
    sync = await alice.sync_until(lambda sync: sync.texts(room), since)
    assert sync["device_one_time_keys_count"] == {"signed_curve25519": 2}
    assert sync["device_unused_fallback_key_types"] == []


async def test_a_device_that_comes_again_has_no_keys_of_before(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    phone = await client.login(bob.localpart)
    await upload(phone, one_time_keys=some(2), fallback_keys={"a:F": "fallback"})
    await phone.logout()
    again = await client.login(bob.localpart, device_id=phone.device_id)
    assert await supply(again) == ({"signed_curve25519": 0}, [])
    assert await claim(alice, again, "signed_curve25519") == {}
    assert await claim(alice, again, "a") == {}


async def test_other_servers_users_are_failures_and_nobodies_are_left_out(client: Client) -> None:
    alice = await client.register()
    body = {"one_time_keys": {"@bob:other.example.org": {"D": "a"}, f"@nobody:{alice.server_name}": {"D": "a"}}}
    answer = await alice.request("POST", "/keys/claim", json=body)
    assert answer["one_time_keys"] == {}
    assert list(answer["failures"]) == ["other.example.org"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"one_time_keys": []}, (400, "M_BAD_JSON")),
        ({"one_time_keys": {"a:1": 1}}, (400, "M_BAD_JSON")),
        ({"one_time_keys": {"a:1": {"key": 1}}}, (400, "M_BAD_JSON")),
        ({"one_time_keys": {"a:1": {"key": "key"}}}, (400, "M_BAD_JSON")),
        ({"one_time_keys": {"nothing": "key"}}, (400, "M_INVALID_PARAM")),
        ({"one_time_keys": {"a:" + "x" * 300: "key"}}, (400, "M_INVALID_PARAM")),
        ({"one_time_keys": {"a:1": "x" * 5000}}, (413, "M_TOO_LARGE")),
        ({"one_time_keys": {f"a:{number}": "key" for number in range(1001)}}, (413, "M_TOO_LARGE")),
        ({"fallback_keys": {"a:1": "key", "a:2": "key"}}, (400, "M_INVALID_PARAM")),
    ],
)
async def test_keys_that_cannot_be_are_refused(client: Client, body: Json, expected: tuple[int, str]) -> None:
    alice = await client.register()
    assert await alice.error("POST", "/keys/upload", json=body) == expected
