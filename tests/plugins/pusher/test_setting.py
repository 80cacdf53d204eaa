"""`/pushers`: what can be set, and what cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hs_core.testing.client import Client
from hs_core.testing.homeserver import homeserver
from hs_core.testing.http import Json
from tests.plugins.pusher.gateways import PATH, pushers, set_pusher, settings

URL = f"https://push.example.org{PATH}"


async def test_pushers_are_listed_as_they_were_set(client: Client) -> None:
    alice = await client.register()
    await set_pusher(alice, URL, "one", profile_tag="tag", data={"format": "event_id_only", "custom": {"a": 1}})
    await set_pusher(alice, URL, "two")

    assert await pushers(alice) == [
        {**settings(URL, "one", profile_tag="tag", data={"format": "event_id_only", "custom": {"a": 1}})},
        {**settings(URL, "two")},
    ]
    assert await pushers(await client.register()) == []


async def test_the_same_app_and_key_is_the_same_pusher(client: Client) -> None:
    alice = await client.register()
    await set_pusher(alice, URL)
    await set_pusher(alice, URL, lang="de", append=True)
    await set_pusher(alice, URL, app_id="org.example.other")

    assert [(pusher["app_id"], pusher["lang"]) for pusher in await pushers(alice)] == [
        ("org.example.app", "de"),
        ("org.example.other", "en"),
    ]


async def test_a_pusher_without_kind_is_removed(client: Client) -> None:
    alice = await client.register()
    await set_pusher(alice, URL, "one")
    await set_pusher(alice, URL, "two")
    gone = {"kind": None, "app_id": "org.example.app", "pushkey": "one"}

    assert await alice.request("POST", "/pushers/set", json=gone) == {}
    assert await alice.request("POST", "/pushers/set", json=gone) == {}
    assert [pusher["pushkey"] for pusher in await pushers(alice)] == ["two"]


@pytest.mark.parametrize("append", [True, False])
async def test_others_keep_their_pusher_only_if_that_is_asked_for(client: Client, append: bool) -> None:
    alice, bob = await client.register(), await client.register()
    key = f"shared with {alice.user_id}"
    await set_pusher(alice, URL, key)
    await set_pusher(alice, URL, f"{key} not")

    await set_pusher(bob, URL, key, append=append)

    kept = {pusher["pushkey"] for pusher in await pushers(alice)}
    assert kept == ({key, f"{key} not"} if append else {f"{key} not"})
    assert [pusher["pushkey"] for pusher in await pushers(bob)] == [key]


async def test_a_user_has_only_so_many(client: Client) -> None:
    alice = await client.register()
    for number in range(52):
        await set_pusher(alice, URL, f"key {number}")

    assert [pusher["pushkey"] for pusher in await pushers(alice)] == [f"key {number}" for number in range(2, 52)]


async def test_a_change_of_password_removes_those_of_other_devices(client: Client) -> None:
    alice = await client.register(password="old")
    phone = await client.login(alice.user_id, "old")
    await set_pusher(phone, URL, "phone")
    await set_pusher(alice, URL, "desktop")
    auth = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": alice.user_id},
        "password": "old",
    }

    await alice.request("POST", "/account/password", json={"new_password": "new", "auth": auth})

    assert [pusher["pushkey"] for pusher in await pushers(alice)] == ["desktop"]


async def test_a_deleted_device_takes_its_pushers_along(client: Client) -> None:
    alice = await client.register()
    phone = await client.login(alice.user_id)
    await set_pusher(phone, URL, "phone")
    await set_pusher(alice, URL, "desktop")

    await phone.request("POST", "/logout", json={})
    assert [pusher["pushkey"] for pusher in await pushers(alice)] == ["desktop"]

    await alice.request("POST", "/logout/all", json={})
    assert await pushers(await client.login(alice.user_id)) == []


WRONG: list[tuple[Json, str]] = [
    ({"app_id": None}, "M_MISSING_PARAM"),
    ({"pushkey": None}, "M_MISSING_PARAM"),
    ({"lang": None, "data": None}, "M_MISSING_PARAM"),
    ({"app_display_name": None}, "M_MISSING_PARAM"),
    ({"device_display_name": None}, "M_MISSING_PARAM"),
    ({"app_id": 1}, "M_BAD_JSON"),
    ({"app_id": ""}, "M_INVALID_PARAM"),
    ({"app_id": "a" * 65}, "M_INVALID_PARAM"),
    ({"pushkey": "é" * 257}, "M_INVALID_PARAM"),
    ({"pushkey": "\0"}, "M_INVALID_PARAM"),
    ({"kind": 1}, "M_BAD_JSON"),
    ({"kind": "pigeon"}, "M_INVALID_PARAM"),
    ({"kind": "email", "app_id": "m.email"}, "M_INVALID_PARAM"),
    ({"lang": ["en"]}, "M_BAD_JSON"),
    ({"lang": "e" * 2000}, "M_INVALID_PARAM"),
    ({"profile_tag": 1}, "M_BAD_JSON"),
    ({"append": "yes"}, "M_BAD_JSON"),
    ({"data": "https"}, "M_BAD_JSON"),
    ({"data": {"format": "event_id_only"}}, "M_MISSING_PARAM"),
    ({"data": {"url": 1}}, "M_BAD_JSON"),
    ({"data": {"url": URL, "format": 1}}, "M_BAD_JSON"),
    ({"data": {"url": URL, "custom": "a" * 20_000}}, "M_INVALID_PARAM"),
    *(
        ({"data": {"url": url}}, "M_INVALID_PARAM")
        for url in (
            *("", "push.example.org", PATH, f"ftp://push.example.org{PATH}", f"https://{PATH}", f"https://[{PATH}"),
            *("https://push.example.org/", f"https://push.example.org{PATH}/", f"https://push.example.org/a{PATH}"),
            f"https://push.example.org:x{PATH}",
        )
    ),
]


@pytest.mark.parametrize(("wrong", "errcode"), WRONG)
async def test_what_cannot_be_set_changes_nothing(client: Client, wrong: Json, errcode: str) -> None:
    alice = await client.register()
    body = {**settings(URL), **wrong}
    body = {name: value for name, value in body.items() if value is not None}

    assert await alice.error("POST", "/pushers/set", json=body) == (400, errcode)
    assert await pushers(alice) == []


async def test_what_is_missing_is_named(client: Client) -> None:
    alice = await client.register()
    body = {"kind": "http", "app_id": "a", "pushkey": "b", "app_display_name": "c", "device_display_name": "d"}

    answer = await alice.answer("POST", "/pushers/set", json=body)

    assert answer.body["error"] == "Missing parameters: lang, data"


async def test_a_gateway_is_public_and_speaks_tls_unless_the_settings_say_otherwise(tmp_path: Path) -> None:
    async with (
        homeserver(tmp_path, f"sqlite:///{tmp_path}/hs.db") as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        alice = await client.register()
        for url in (f"http://push.example.org{PATH}", f"https://127.0.0.1{PATH}", f"https://[::1]{PATH}"):
            body: Any = settings(url)
            assert await alice.error("POST", "/pushers/set", json=body) == (400, "M_INVALID_PARAM")
        await set_pusher(alice, URL)


async def test_strangers_and_guests_have_no_pushers(client: Client) -> None:
    guest = await client.register_guest()

    assert await client.error("GET", "/pushers") == (401, "M_MISSING_TOKEN")
    assert await guest.error("POST", "/pushers/set", json=settings(URL)) == (403, "M_GUEST_ACCESS_FORBIDDEN")
