"""Account data and tags, as a user's clients see them."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.plugin import Plugin, hookimpl
from hs_core.plugin.discovery import discover
from hs_core.testing.client import Client, User
from hs_core.testing.homeserver import Homeserver, homeserver
from hs_core.testing.http import Json, path
from hs_core.testing.sync import Sync
from hs_plugins.account_data.api import ACCOUNT_DATA_READ


def of_account(sync: Sync) -> dict[str, Json]:
    return {event["type"]: event["content"] for event in sync.get("account_data", {}).get("events", [])}


def of_room(sync: Sync, room: str) -> dict[str, Json]:
    return {event["type"]: event["content"] for event in sync.events(room, "account_data")}


async def put(user: User, type_: str, content: Any, room: str | None = None) -> None:
    where = user.path("account_data", type_) if room is None else user.path("rooms", room, "account_data", type_)
    await user.request("PUT", where, json=content)


async def test_what_one_device_keeps_another_can_read(client: Client) -> None:
    alice = await client.register()
    phone = await client.login(alice.localpart)
    room = await alice.create_room()
    await put(alice, "org.example.a", {"says": "account", "half": 0.5})
    await put(alice, "org.example.a", {"says": "room"}, room)
    read = {"says": "account", "half": 0.5}
    assert await phone.request("GET", alice.path("account_data", "org.example.a")) == read
    assert await phone.request("GET", alice.path("rooms", room, "account_data", "org.example.a")) == {"says": "room"}


async def test_data_of_the_account_is_not_that_of_a_room(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    await put(alice, "org.example.account", {})
    await put(alice, "org.example.room", {}, room)
    where = alice.path("rooms", room, "account_data", "org.example.account")
    assert await alice.error("GET", where) == (404, "M_NOT_FOUND")
    assert await alice.error("GET", alice.path("account_data", "org.example.room")) == (404, "M_NOT_FOUND")


async def test_nobody_reads_or_sets_another_s(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room()
    await put(alice, "org.example.a", {})
    for where in (
        alice.path("account_data", "org.example.a"),
        alice.path("rooms", room, "account_data", "org.example.a"),
        alice.path("rooms", room, "tags", "u.work"),
    ):
        assert await bob.error("PUT", where, json={}) == (403, "M_FORBIDDEN")
    assert await bob.error("GET", alice.path("account_data", "org.example.a")) == (403, "M_FORBIDDEN")
    assert await bob.error("GET", alice.path("rooms", room, "account_data", "a")) == (403, "M_FORBIDDEN")
    assert await bob.error("GET", alice.path("rooms", room, "tags")) == (403, "M_FORBIDDEN")
    assert await bob.error("DELETE", alice.path("rooms", room, "tags", "u.work")) == (403, "M_FORBIDDEN")


@pytest.mark.parametrize("type_", ["m.fully_read", "m.push_rules"])
async def test_what_the_server_manages_cannot_be_set(client: Client, type_: str) -> None:
    alice = await client.register()
    room = await alice.create_room()
    where = alice.path("account_data", type_), alice.path("rooms", room, "account_data", type_)
    for each in where:
        assert await alice.error("PUT", each, json={}) == (405, "M_BAD_JSON")


@pytest.mark.parametrize(
    ("body", "errcode"),
    [(b"", "M_NOT_JSON"), (b"{", "M_NOT_JSON"), (b"[]", "M_BAD_JSON"), (b'{"a": "\\ud800"}', "M_BAD_JSON")],
)
async def test_a_body_that_is_no_json_object_is_refused(client: Client, body: bytes, errcode: str) -> None:
    alice = await client.register()
    room = await alice.create_room()
    for where in (
        alice.path("account_data", "org.example.a"),
        alice.path("rooms", room, "account_data", "org.example.a"),
        alice.path("rooms", room, "tags", "u.a"),
    ):
        assert await alice.error("PUT", where, data=body) == (400, errcode)


async def test_what_is_no_room_id_is_refused(client: Client) -> None:
    alice = await client.register()
    where = alice.path("rooms", "@notaroomid:example.org", "account_data", "a")
    assert await alice.error("GET", where) == (400, "M_INVALID_PARAM")
    assert await alice.error("PUT", where, json={}) == (400, "M_INVALID_PARAM")


async def test_what_is_too_large_is_refused(client: Client) -> None:
    alice = await client.register()
    long = alice.path("account_data", "x" * 256)
    assert await alice.error("PUT", long, json={}) == (400, "M_INVALID_PARAM")
    large = {"large": "x" * 256 * 1024}
    assert await alice.error("PUT", alice.path("account_data", "a"), json=large) == (413, "M_TOO_LARGE")
    nul = alice.path("account_data", "a\0b")
    assert (await alice.error("PUT", nul, json={}))[0] in {400, 404}


async def test_all_of_a_user_s_data_together_has_a_bound(client: Client) -> None:
    alice = await client.register()
    content = {"large": "x" * 255 * 1024}
    for number in range(64):
        await put(alice, f"org.example.{number}", content)
    where = alice.path("account_data", "org.example.more")
    assert await alice.error("PUT", where, json=content) == (413, "M_TOO_LARGE")
    await put(alice, "org.example.0", {})
    await alice.request("PUT", where, json=content)


async def test_numbers_and_depths_that_events_may_not_have_are_kept(client: Client) -> None:
    alice = await client.register()
    room, start = await alice.create_room(), (await alice.sync()).next_batch
    deep = b'{"deep": ' + b"[" * 300 + b"]" * 300 + b', "large": 123456789012345678901234567890, "small": 1e-9}'
    for where in (alice.path("account_data", "odd"), alice.path("rooms", room, "account_data", "odd")):
        await alice.request("PUT", where, data=deep)
        assert (await alice.request("GET", where))["small"] == 1e-9
    sync = await alice.sync()
    assert of_account(sync)["odd"] == of_room(sync, room)["odd"] == orjson.loads(deep)
    alice.check = None  # the specification only knows room events there
    chunk = (await alice.request("GET", "/events", params={"from": start}))["chunk"]
    assert [event["content"]["small"] for event in chunk if event["type"] == "odd"] == [1e-9, 1e-9]
    tag = alice.path("rooms", room, "tags", "u.odd")
    await alice.request("PUT", tag, data=deep)
    assert (await alice.request("GET", alice.path("rooms", room, "tags")))["tags"]["u.odd"]["small"] == 1e-9


async def test_a_first_sync_shows_the_newest_of_everything(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    for value in range(3):
        await put(alice, "org.example.a", {"value": value})
        await put(alice, "org.example.r", {"value": value}, room)
    sync = await alice.sync()
    assert of_account(sync)["org.example.a"] == {"value": 2}
    assert of_room(sync, room)["org.example.r"] == {"value": 2}


async def test_a_client_that_keeps_up_is_told_of_changes_alone(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    await put(alice, "org.example.before", {})
    since = (await alice.sync()).next_batch
    await put(alice, "org.example.a", {"value": 1})
    await put(alice, "org.example.a", {"value": 2})
    first = await alice.sync_until(of_account, since)
    assert of_account(first) == {"org.example.a": {"value": 2}}
    await put(alice, "org.example.r", {"value": 3}, room)
    second = await alice.sync_until(lambda sync: of_room(sync, room), first.next_batch)
    assert of_room(second, room) == {"org.example.r": {"value": 3}}
    assert of_account(second) == {}
    assert of_account(await alice.sync(second.next_batch)) == {}


async def test_nobody_else_is_told(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    since = (await bob.sync()).next_batch
    await put(alice, "org.example.a", {})
    await put(alice, "org.example.r", {}, room)
    sync = await bob.sync(since)
    assert "org.example.a" not in of_account(sync)
    assert of_room(sync, room) == {}


async def test_setting_the_same_again_is_no_news(client: Client) -> None:
    alice = await client.register()
    await put(alice, "org.example.a", {"value": 1, "other": 2})
    since = (await alice.sync()).next_batch
    await put(alice, "org.example.a", {"other": 2, "value": 1})
    assert of_account(await alice.sync(since)) == {}


async def test_data_of_a_room_set_before_joining_is_shown_on_joining(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat")
    await put(bob, "org.example.r", {"value": 1}, room)
    since = (await bob.sync()).next_batch
    await bob.join(room)
    sync = await bob.sync_until(lambda sync: sync.rooms(), since)
    assert of_room(sync, room) == {"org.example.r": {"value": 1}}


async def test_filters_choose_types(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    for type_ in ("org.example.a", "org.example.b"):
        await put(alice, type_, {})
        await put(alice, type_, {}, room)
    wanted = {"account_data": {"types": ["org.example.a"]}, "room": {"account_data": {"not_types": ["org.example.a"]}}}
    sync = await alice.sync(filter=wanted)
    assert set(of_account(sync)) == {"org.example.a"}
    assert set(of_room(sync, room)) == {"org.example.b"}


async def test_tags_come_and_go(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    where = alice.path("rooms", room, "tags")
    assert await alice.request("GET", where) == {"tags": {}}
    since = (await alice.sync()).next_batch
    await alice.request("PUT", where + "/m.favourite", json={"order": 0.25})
    await alice.request("PUT", where + "/u.Work%2FHome", json={})
    tags = {"m.favourite": {"order": 0.25}, "u.Work/Home": {}}
    assert await alice.request("GET", where) == {"tags": tags}
    assert of_room(await alice.sync(since), room) == {"m.tag": {"tags": tags}}
    assert of_room(await alice.sync(), room) == {"m.tag": {"tags": tags}}
    await alice.request("DELETE", where + "/m.favourite")
    await alice.request("DELETE", where + "/m.favourite")
    assert await alice.request("GET", where) == {"tags": {"u.Work/Home": {}}}
    await alice.request("DELETE", where + "/u.Work%2FHome")
    assert of_room(await alice.sync(since), room) == {"m.tag": {"tags": {}}}


@pytest.mark.parametrize(
    ("tag", "body", "errcode"),
    [
        ("u." + "ü" * 127, {}, "M_INVALID_PARAM"),
        ("u.a", {"order": "0.5"}, "M_BAD_JSON"),
        ("u.a", {"order": True}, "M_BAD_JSON"),
        ("u.a", {"order": 1.5}, "M_INVALID_PARAM"),
    ],
)
async def test_a_tag_that_cannot_be_is_refused(client: Client, tag: str, body: Json, errcode: str) -> None:
    alice = await client.register()
    room = await alice.create_room()
    assert await alice.error("PUT", alice.path("rooms", room, "tags", tag), json=body) == (400, errcode)


async def test_tags_are_set_anew_where_a_client_has_written_nonsense(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    await put(alice, "m.tag", {"tags": ["u.a"]}, room)
    assert await alice.request("GET", alice.path("rooms", room, "tags")) == {"tags": {}}
    await alice.request("PUT", alice.path("rooms", room, "tags", "u.b"), json={})
    assert await alice.request("GET", path("user", alice.user_id, "rooms", room, "tags")) == {"tags": {"u.b": {}}}


async def test_what_an_erased_user_has_set_is_gone(server: Homeserver, client: Client) -> None:
    alice = await client.register()
    user, room = UserId(alice.user_id), RoomId(await alice.create_room())
    await put(alice, "org.example.a", {})
    await put(alice, "org.example.r", {}, room)
    read = server.core.read_sides[ACCOUNT_DATA_READ]
    assert await read.global_of(user, "org.example.a") == {}
    assert await read.of_room(user, room, "org.example.r") == {}
    auth = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": user}, "password": alice.password}
    await alice.request("POST", "/account/deactivate", json={"auth": auth, "erase": True})
    assert await read.global_of(user, "org.example.a") is None
    assert await read.of_room(user, room, "org.example.r") is None


class Listener:
    """Hears of account data."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str | None, str, Any]] = []

    @hookimpl
    async def account_data_changed(self, user: UserId, room: RoomId | None, type: str, content: Json) -> None:  # noqa: A002
        self.heard.append((user, room, type, content))


async def test_plugins_are_told_of_changes(tmp_path: Path) -> None:
    listener = Listener()
    plugins = [*discover().plugins.values(), Plugin(name="listener", hooks=lambda _core: listener)]
    async with (
        homeserver(tmp_path, f"sqlite:///{tmp_path}/hs.db", plugins=plugins) as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        alice = await client.register()
        room = await alice.create_room()
        await put(alice, "org.example.a", {"value": 1})
        await put(alice, "org.example.a", {"value": 1})
        await alice.request("PUT", alice.path("rooms", room, "tags", "u.a"), json={})
    assert listener.heard == [
        (alice.user_id, None, "org.example.a", {"value": 1}),
        (alice.user_id, room, "m.tag", {"tags": {"u.a": {}}}),
    ]
