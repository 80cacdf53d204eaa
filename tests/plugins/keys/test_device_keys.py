"""Identity keys and cross-signing keys are uploaded and shown."""

from __future__ import annotations

import pytest

from hs_core.testing.client import Client, User
from hs_core.testing.http import Json
from tests.plugins.keys.devices import Identity, Signer, device_keys, publish, query, upload


async def test_keys_are_shown_as_uploaded_with_the_name_of_the_device(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    keys = await publish(bob)
    phone = await client.login(bob.localpart, initial_device_display_name="phone")
    named = await publish(phone)
    shown = (await query(alice, bob))["device_keys"][bob.user_id]
    assert shown == {
        bob.device_id: {**keys, "unsigned": {}},
        phone.device_id: {**named, "unsigned": {"device_display_name": "phone"}},
    }


async def test_a_query_can_name_devices(client: Client) -> None:
    bob = await client.register()
    await publish(bob)
    phone = await client.login(bob.localpart)
    await publish(phone)
    body = {"device_keys": {bob.user_id: [phone.device_id, "NOSUCHDEVICE"]}}
    answer = await bob.request("POST", "/keys/query", json=body)
    assert list(answer["device_keys"][bob.user_id]) == [phone.device_id]


async def test_who_has_no_keys_is_empty_and_who_is_not_there_is_missing(client: Client) -> None:
    alice = await client.register()
    users = [alice.user_id, f"@nobody:{alice.server_name}", "@bob:other.example.org"]
    answer = await alice.request("POST", "/keys/query", json={"device_keys": {user: [] for user in users}})
    assert answer["device_keys"] == {alice.user_id: {}}
    assert list(answer["failures"]) == ["other.example.org"]


async def test_keys_of_a_deleted_device_are_gone(client: Client) -> None:
    alice = await client.register()
    phone = await client.login(alice.localpart)
    await publish(phone)
    await phone.logout()
    again = await client.login(alice.localpart, device_id=phone.device_id)
    assert (await query(alice, again))["device_keys"] == {alice.user_id: {}}


@pytest.mark.parametrize(
    ("change", "errcode"),
    [
        ({"user_id": "@other:example.org"}, "M_INVALID_PARAM"),
        ({"device_id": "OTHER"}, "M_INVALID_PARAM"),
        ({"algorithms": None}, "M_BAD_JSON"),
        ({"algorithms": [1]}, "M_BAD_JSON"),
        ({"keys": {"ed25519:X": 1}}, "M_BAD_JSON"),
        ({"signatures": {"@alice:example.org": "text"}}, "M_BAD_JSON"),
        ({"signatures": {"@alice:example.org": {"ed25519:X": 1}}}, "M_BAD_JSON"),
        ({"float": 0.5}, "M_BAD_JSON"),
    ],
)
async def test_keys_that_cannot_be_the_device_s_are_refused(client: Client, change: Json, errcode: str) -> None:
    alice = await client.register()
    body = {"device_keys": {**device_keys(alice, Signer()), **change}}
    assert await alice.error("POST", "/keys/upload", json=body) == (400, errcode)
    assert (await query(alice, alice))["device_keys"] == {alice.user_id: {}}


async def test_cross_signing_keys_are_shown_and_the_user_signing_key_to_its_user_alone(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    identity = Identity(alice)
    await identity.publish()
    own, others = await query(alice, alice), await query(bob, alice)
    for usage in ("master", "self_signing"):
        expected = {alice.user_id: identity.body()[f"{usage}_key"]}
        assert own[f"{usage}_keys"] == others[f"{usage}_keys"] == expected
    assert own["user_signing_keys"] == {alice.user_id: identity.body()["user_signing_key"]}
    assert "user_signing_keys" not in others


async def test_other_cross_signing_keys_take_a_proof_and_the_same_do_not(client: Client) -> None:
    alice = await client.register()
    # The schema of this path under v3 lacks the stages, which its description demands.
    where = "/_matrix/client/unstable/keys/device_signing/upload"
    identity = Identity(alice)
    await identity.publish()
    await identity.publish()
    other = Identity(alice)
    answer = await alice.answer("POST", where, json=other.body())
    assert answer.status == 401
    auth = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": alice.user_id},
        "password": alice.password,
        "session": answer.body["session"],
    }
    await alice.request("POST", where, json={**other.body(), "auth": auth})
    assert other.master.public in str((await query(alice, alice))["master_keys"])


async def test_cross_signing_keys_that_the_master_key_did_not_sign_are_refused(client: Client) -> None:
    alice = await client.register()
    where, identity = "/keys/device_signing/upload", Identity(alice)
    alone = {"self_signing_key": identity.body()["self_signing_key"]}
    assert await alice.error("POST", where, json=alone) == (400, "M_MISSING_PARAM")
    wrong = {**identity.body(), "self_signing_key": Identity(alice).body()["self_signing_key"]}
    assert await alice.error("POST", where, json=wrong) == (400, "M_INVALID_SIGNATURE")
    bad = {"master_key": {**identity.body()["master_key"], "keys": {"ed25519:x": "short"}}}
    assert await alice.error("POST", where, json=bad) == (400, "M_INVALID_PARAM")
    assert await alice.error("POST", where, json={"master_key": 1}) == (400, "M_BAD_JSON")
    clash = await client.login(alice.localpart, device_id="x" + "A" * 42)
    signer = Identity(alice).body()["master_key"]
    named = {**signer, "keys": {f"ed25519:{clash.device_id}": next(iter(signer["keys"].values()))}}
    assert await alice.error("POST", where, json={"master_key": named}) == (403, "M_FORBIDDEN")


async def sign(user: User, body: Json) -> Json:
    failures: Json = (await user.request("POST", "/keys/signatures/upload", json=body)).get("failures", {})
    return failures


async def test_a_signed_device_is_shown_with_the_signature(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    identity, device = Identity(alice), Signer()
    await identity.publish()
    keys = device_keys(alice, device)
    await upload(alice, device_keys=keys)
    signed = identity.self_signing.sign(alice.user_id, {**keys, "signatures": {}})
    master = device.sign(alice.user_id, identity.body()["master_key"], alice.device_id)
    body = {alice.user_id: {alice.device_id: signed, identity.master.public: master}}
    assert await sign(alice, body) == {}
    shown = await query(bob, alice)
    signatures = shown["device_keys"][alice.user_id][alice.device_id]["signatures"][alice.user_id]
    assert set(signatures) == {f"ed25519:{alice.device_id}", f"ed25519:{identity.self_signing.public}"}
    assert shown["master_keys"][alice.user_id]["signatures"] == master["signatures"]


async def test_what_one_says_of_another_s_master_key_is_shown_to_oneself_alone(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    mine, other = Identity(alice), Identity(bob)
    await mine.publish()
    await other.publish()
    signed = mine.user_signing.sign(alice.user_id, other.body()["master_key"])
    assert await sign(alice, {bob.user_id: {other.master.public: signed}}) == {}
    assert (await query(alice, bob))["master_keys"][bob.user_id]["signatures"] == signed["signatures"]
    assert "signatures" not in (await query(bob, bob))["master_keys"][bob.user_id]


async def test_signatures_that_are_not_right_are_failures(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    identity = Identity(alice)
    await identity.publish()
    keys = await publish(alice)
    wrong = Signer().sign(alice.user_id, {**keys, "signatures": {}})
    failures = await sign(alice, {alice.user_id: {alice.device_id: wrong, "NOSUCH": wrong}})
    assert failures[alice.user_id][alice.device_id]["errcode"] == "M_INVALID_SIGNATURE"
    assert failures[alice.user_id]["NOSUCH"]["errcode"] == "M_NOT_FOUND"
    altered = identity.self_signing.sign(alice.user_id, {**keys, "algorithms": [], "signatures": {}})
    failures = await sign(alice, {alice.user_id: {alice.device_id: altered}, bob.user_id: {"key": altered}})
    assert failures[alice.user_id][alice.device_id]["errcode"] == "M_INVALID_SIGNATURE"
    assert failures[bob.user_id]["key"]["errcode"] == "M_NOT_FOUND"


async def test_paths_of_old_versions_work(client: Client) -> None:
    alice = await client.register()
    for version in ("r0", "unstable"):
        answer = await alice.request("POST", f"/_matrix/client/{version}/keys/upload", json={})
        assert answer == {"one_time_key_counts": {}}
