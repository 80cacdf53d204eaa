"""A device that receives room keys while its user has no other (MSC3814)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hs_core.testing.acts import next_transaction_id
from hs_core.testing.client import Client, User
from hs_core.testing.http import Answer, Json, path
from tests.plugins.keys.devices import Signer

DEVICE = "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device"
DATA = {"algorithm": "org.matrix.msc3814.v1.olm", "device_pickle": "encrypted"}


def dehydrated(user: User, device: str, **more: Any) -> Json:
    """A device as a client uploads it."""
    keys = {
        "user_id": user.user_id,
        "device_id": device,
        "algorithms": ["m.olm.v1.curve25519-aes-sha2"],
        "keys": {f"curve25519:{device}": "c" * 43},
    }
    signed = Signer().sign(user.user_id, keys, device)
    one_time_keys = {f"signed_curve25519:{device}": {"key": "o" * 43, "signatures": {}}}
    return {
        "device_id": device,
        "device_data": DATA,
        "device_keys": signed,
        "one_time_keys": one_time_keys,
        "fallback_keys": {"signed_curve25519:fallback": {"key": "f" * 43, "fallback": True, "signatures": {}}},
        **more,
    }


async def put(user: User, device: str, **more: Any) -> Answer:
    return await user.answer("PUT", DEVICE, json=dehydrated(user, device, **more))


async def devices_of(user: User) -> set[str]:
    return {device["device_id"] for device in (await user.request("GET", "/devices"))["devices"]}


async def events(user: User, device: str, next_batch: str | None = None) -> tuple[list[str], str]:
    """What the events of a batch say, and the token for the next."""
    body = {} if next_batch is None else {"next_batch": next_batch}
    batch = await user.request("POST", DEVICE + path(device, "events"), json=body)
    return [event["content"]["says"] for event in batch["events"]], batch["next_batch"]


async def tell(sender: User, user: User, device: str, says: str) -> None:
    where = path("sendToDevice", "m.room.encrypted", next_transaction_id())
    await sender.request("PUT", where, json={"messages": {user.user_id: {device: {"says": says}}}})


async def test_it_is_there_with_its_keys_and_the_feature_is_advertised(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    assert (await client.request("GET", "/_matrix/client/versions"))["unstable_features"]["org.matrix.msc3814"] is True
    assert await alice.error("GET", DEVICE) == (404, "M_NOT_FOUND")
    assert (await put(alice, "DRY", initial_device_display_name="In the drawer")).body == {"device_id": "DRY"}
    assert await alice.request("GET", DEVICE) == {"device_id": "DRY", "device_data": DATA}
    shown = (await bob.request("POST", "/keys/query", json={"device_keys": {alice.user_id: []}}))["device_keys"]
    assert shown[alice.user_id]["DRY"]["unsigned"] == {"device_display_name": "In the drawer"}
    wanted = {"one_time_keys": {alice.user_id: {"DRY": "signed_curve25519"}}}
    claimed = [(await bob.request("POST", "/keys/claim", json=wanted))["one_time_keys"] for _ in range(2)]
    names = [set(each[alice.user_id]["DRY"]) for each in claimed]
    assert names == [{"signed_curve25519:DRY"}, {"signed_curve25519:fallback"}]


async def test_its_messages_can_be_read_in_batches_again_and_again(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    await put(alice, "DRY")
    for number in range(103):
        await tell(bob, alice, "DRY", str(number))
    first, token = await events(alice, "DRY")
    second, token = await events(alice, "DRY", token)
    assert first + second == [str(number) for number in range(103)]
    assert second
    assert await events(alice, "DRY", token) == ([], token)
    assert (await events(alice, "DRY"))[0] == first
    await tell(bob, alice, "DRY", "late")
    assert (await events(alice, "DRY", token))[0] == ["late"]


async def test_a_second_one_replaces_the_first(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    await put(alice, "OLD")
    await tell(bob, alice, "OLD", "for nobody")
    await put(alice, "NEW")
    assert (await alice.request("GET", DEVICE))["device_id"] == "NEW"
    assert await devices_of(alice) == {alice.device_id, "NEW"}
    assert await alice.error("POST", DEVICE + "/OLD/events", json={}) == (403, "M_FORBIDDEN")
    assert (await events(alice, "NEW"))[0] == []
    shown = (await bob.request("POST", "/keys/query", json={"device_keys": {alice.user_id: []}}))["device_keys"]
    assert set(shown[alice.user_id]) == {"NEW"}


async def test_uploading_the_same_one_again_is_no_change(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    body = dehydrated(alice, "DRY")
    await alice.request("PUT", DEVICE, json=body)
    await tell(bob, alice, "DRY", "kept")
    await alice.request("PUT", DEVICE, json=body)
    assert (await events(alice, "DRY"))[0] == ["kept"]
    assert await devices_of(alice) == {alice.device_id, "DRY"}


async def test_of_several_at_once_one_is_left(client: Client) -> None:
    alice = await client.register()
    answers = await asyncio.gather(*(put(alice, f"DRY{number}") for number in range(4)))
    assert {answer.status for answer in answers} <= {200, 409}
    current = (await alice.request("GET", DEVICE))["device_id"]
    await put(alice, "LAST")
    assert await devices_of(alice) == {alice.device_id, "LAST"}
    assert current.startswith("DRY")


@pytest.mark.parametrize("how", ["its endpoint", "the list of devices"])
async def test_it_can_be_deleted(client: Client, how: str) -> None:
    alice = await client.register()
    await put(alice, "DRY")
    if how == "its endpoint":
        assert await alice.request("DELETE", DEVICE) == {"device_id": "DRY"}
    else:
        session = (await alice.answer("POST", "/delete_devices", json={"devices": ["DRY"]})).body["session"]
        identifier = {"type": "m.id.user", "user": alice.user_id}
        auth = {"type": "m.login.password", "identifier": identifier, "password": alice.password, "session": session}
        await alice.request("POST", "/delete_devices", json={"devices": ["DRY"], "auth": auth})
    assert await devices_of(alice) == {alice.device_id}
    for method in ("GET", "DELETE"):
        assert await alice.error(method, DEVICE) == (404, "M_NOT_FOUND")


async def test_it_cannot_take_the_place_of_a_real_device(client: Client) -> None:
    alice = await client.register()
    answer = await put(alice, alice.device_id)
    assert (answer.status, answer.errcode) == (400, "M_INVALID_PARAM")
    assert await alice.error("GET", DEVICE) == (404, "M_NOT_FOUND")
    assert (await alice.whoami())["device_id"] == alice.device_id


async def test_nobody_reads_another_s(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    await put(alice, "DRY")
    assert await bob.error("GET", DEVICE) == (404, "M_NOT_FOUND")
    assert await bob.error("POST", DEVICE + "/DRY/events", json={}) == (403, "M_FORBIDDEN")


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"device_id": None}, (400, "M_MISSING_PARAM")),
        ({"device_id": 3}, (400, "M_INVALID_PARAM")),
        ({"device_id": "x" * 256}, (400, "M_INVALID_PARAM")),
        ({"device_data": None}, (400, "M_MISSING_PARAM")),
        ({"device_data": "text"}, (400, "M_BAD_JSON")),
        ({"device_data": {"algorithm": "a", "device_pickle": "x" * 140_000}}, (413, "M_TOO_LARGE")),
        ({"device_keys": None}, (400, "M_MISSING_PARAM")),
        ({"device_keys": {}}, (400, "M_BAD_JSON")),
        ({"device_id": "OTHER"}, (400, "M_INVALID_PARAM")),
        ({"one_time_keys": {"nonsense": "key"}}, (400, "M_INVALID_PARAM")),
        ({"fallback_keys": []}, (400, "M_BAD_JSON")),
        ({"initial_device_display_name": 3}, (400, "M_BAD_JSON")),
    ],
)
async def test_what_is_not_a_whole_device_is_refused(client: Client, wrong: Json, error: tuple[int, str]) -> None:
    alice = await client.register()
    answer = await put(alice, "DRY", **wrong)
    assert (answer.status, answer.errcode) == error
    assert await devices_of(alice) == {alice.device_id}


@pytest.mark.parametrize("token", ["", "-1", "x", "1" * 30, "١"])
async def test_tokens_that_are_none_are_refused(client: Client, token: str) -> None:
    alice = await client.register()
    await put(alice, "DRY")
    where = DEVICE + "/DRY/events"
    assert await alice.error("POST", where, json={"next_batch": token}) == (400, "M_INVALID_PARAM")
