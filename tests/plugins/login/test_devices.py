"""Devices, and the proof that their deletion needs."""

from typing import Any

from hs_core.testing.client import Client, User

PASSWORD = "secret horse"


def proof(user: User, session: str | None = None, password: str = PASSWORD) -> dict[str, Any]:
    auth: dict[str, Any] = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": user.localpart},
        "password": password,
    }
    return auth if session is None else auth | {"session": session}


async def test_a_device_can_be_listed_renamed_and_deleted(client: Client) -> None:
    alice = await client.register()
    phone = await client.login(alice.localpart, device_id="PHONE", initial_device_display_name="My phone")
    assert await alice.request("GET", "/devices/PHONE") == {"device_id": "PHONE", "display_name": "My phone"}
    await alice.request("PUT", "/devices/PHONE", json={"display_name": "Old phone"})
    names = {d["device_id"]: d.get("display_name") for d in (await alice.request("GET", "/devices"))["devices"]}
    assert names == {alice.device_id: None, "PHONE": "Old phone"}

    challenge = await alice.request("DELETE", "/devices/PHONE", expect=401)
    assert challenge["flows"] == [{"stages": ["m.login.password"]}]
    assert "errcode" not in challenge
    await alice.request("DELETE", "/devices/PHONE", json={"auth": proof(alice, challenge["session"])})
    assert await alice.error("GET", "/devices/PHONE") == (404, "M_NOT_FOUND")
    assert await phone.error("GET", "/account/whoami") == (401, "M_UNKNOWN_TOKEN")


async def test_nobody_renames_a_device_that_does_not_exist(client: Client) -> None:
    alice = await client.register()
    assert await alice.error("PUT", "/devices/NONE", json={"display_name": "?"}) == (404, "M_NOT_FOUND")


async def test_a_wrong_password_may_be_corrected_in_the_same_session(client: Client) -> None:
    alice = await client.register()
    await client.login(alice.localpart, device_id="PHONE")
    first = await alice.request("DELETE", "/devices/PHONE", expect=401)
    wrong = proof(alice, first["session"], "wrong")
    second = await alice.request("DELETE", "/devices/PHONE", json={"auth": wrong}, expect=401)
    assert (second["errcode"], second["session"]) == ("M_FORBIDDEN", first["session"])
    assert second["completed"] == []
    await alice.request("DELETE", "/devices/PHONE", json={"auth": proof(alice, first["session"])})


async def test_a_proof_is_good_for_one_operation_only(client: Client) -> None:
    alice = await client.register()
    for device in ("PHONE", "TABLET"):
        await client.login(alice.localpart, device_id=device)
    session = (await alice.request("DELETE", "/devices/PHONE", expect=401))["session"]
    other = {"auth": proof(alice, session)}
    assert await alice.error("DELETE", "/devices/TABLET", json=other) == (403, "M_FORBIDDEN")


async def test_another_user_s_password_proves_nothing(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    await client.login(alice.localpart, device_id="PHONE")
    assert await alice.error("DELETE", "/devices/PHONE", json={"auth": proof(bob)}) == (403, "M_FORBIDDEN")


async def test_several_devices_are_deleted_at_once(client: Client) -> None:
    alice = await client.register()
    for device in ("A", "B", "C"):
        await client.login(alice.localpart, device_id=device)
    body = {"devices": ["A", "C", "UNKNOWN"], "auth": proof(alice)}
    await alice.request("POST", "/delete_devices", json=body)
    left = {device["device_id"] for device in (await alice.request("GET", "/devices"))["devices"]}
    assert left == {alice.device_id, "B"}


async def test_logging_in_on_a_known_device_ends_its_old_token(client: Client) -> None:
    old = await client.register()
    new = await client.login(old.localpart, device_id=old.device_id)
    assert await old.error("GET", "/account/whoami") == (401, "M_UNKNOWN_TOKEN")
    assert (await new.whoami())["device_id"] == old.device_id
