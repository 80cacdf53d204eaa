"""The client that tests use, against a server that only repeats what it was asked or says what it was told to say."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from hs_core.testing.client import Client, User
from hs_core.testing.http import Answer
from hs_core.testing.sync import Sync

ALICE = {"user_id": "@alice:test", "access_token": "token of alice", "device_id": "PHONE"}


class Scripted:
    """Answers the next things in `says`, else repeats the request; keeps what it was `asked`."""

    def __init__(self) -> None:
        self.says: list[tuple[int, Any]] = []
        self.asked: list[tuple[str, str, Any]] = []

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else None
        self.asked.append((request.method, request.raw_path, body))
        token = request.headers.get("Authorization")
        status, answer = self.says.pop(0) if self.says else (200, {"path": request.raw_path, "token": token})
        return web.json_response(answer, status=status)


@pytest.fixture
def server() -> Scripted:
    return Scripted()


@pytest.fixture
async def url(server: Scripted) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    async with TestServer(app) as running:
        yield str(running.make_url("/"))


@pytest.fixture
async def client(url: str) -> AsyncIterator[Client]:
    async with Client(url) as client:
        yield client


async def test_a_user_asks_with_their_token_below_the_client_api(client: Client) -> None:
    alice = User(client, ALICE, "secret")

    assert await alice.request("GET", "/account/whoami?x=%2F") == {
        "path": "/_matrix/client/v3/account/whoami?x=%2F",
        "token": "Bearer token of alice",
    }
    assert (await client.request("GET", "/_matrix/client/versions"))["token"] is None


async def test_names_from_strangers_stay_within_their_segment(client: Client, server: Scripted) -> None:
    server.says = [(200, {"event_id": "$1"})]

    assert await User(client, ALICE, None).send_state("!a/b", "m.x?", {"a": 1}, "@bob:test/ä") == "$1"

    assert server.asked == [("PUT", "/_matrix/client/v3/rooms/%21a%2Fb/state/m.x%3F/%40bob%3Atest%2F%C3%A4", {"a": 1})]


async def test_an_unexpected_status_shows_what_the_server_said(client: Client, server: Scripted) -> None:
    server.says = [(403, {"errcode": "M_FORBIDDEN", "error": "You are not in the room"})]

    with pytest.raises(
        AssertionError, match=r"expected 200, but GET \S+/sync answered 403[\s\S]*You are not in the room"
    ):
        await client.request("GET", "/sync")


async def test_an_expected_error_gives_its_status_and_code(client: Client, server: Scripted) -> None:
    server.says = [(403, {"errcode": "M_FORBIDDEN", "error": "No"}), (200, {})]

    assert await client.error("GET", "/sync") == (403, "M_FORBIDDEN")
    with pytest.raises(AssertionError, match="expected a Matrix error, but GET"):
        await client.error("GET", "/sync")


async def test_the_check_sees_every_answer_to_every_user(url: str, server: Scripted) -> None:
    seen: list[Answer] = []
    server.says = [(200, ALICE)]
    async with Client(url, check=seen.append) as client:
        alice = await client.register("alice")
        await alice.logout()

    assert [answer.path.rpartition("/")[2] for answer in seen] == ["register", "logout"]


async def test_the_shared_secret_signs_a_registration(url: str, server: Scripted) -> None:
    server.says = [(200, {"nonce": "n"}), (200, ALICE)]
    async with Client(url, shared_secret="s") as client:
        alice = await client.register("alice", "pw", admin=True)

    assert alice.localpart == "alice"
    assert alice.server_name == "test"
    assert server.asked[1][2]["mac"] == hmac.new(b"s", b"n\0alice\0pw\0admin", hashlib.sha1).hexdigest()


async def test_sync_until_goes_on_from_each_response(client: Client, server: Scripted) -> None:
    message = {"type": "m.room.message", "content": {"body": "hi"}}
    shown = {"next_batch": "s2", "rooms": {"join": {"!r": {"timeline": {"events": [message]}}}}}
    server.says = [(200, {"next_batch": "s1"}), (200, shown)]

    found = await User(client, ALICE, None).sync_until(lambda sync: "hi" in sync.texts("!r"), "s0")

    assert found.next_batch == "s2"
    assert [path.rpartition("=")[2] for _, path, _ in server.asked] == ["s0", "s1"]


async def test_waiting_for_what_never_comes_fails_with_the_last_response(client: Client, server: Scripted) -> None:
    server.says = [(200, {"next_batch": "the end"})] * 10_000

    with pytest.raises(AssertionError, match=r"not shown by /sync within 0\.05 s.*the end"):
        await User(client, ALICE, None).sync_until(lambda sync: False, patience=0.05)


def test_parts_that_a_sync_leaves_out_are_empty() -> None:
    nothing = Sync(next_batch="s1")

    assert nothing.timeline("!r") == nothing.events("!r", "ephemeral") == []
    assert nothing.rooms("invite") == {}


async def test_a_body_that_is_not_json_is_kept_as_bytes(url: str) -> None:
    app = web.Application()

    async def page(_: web.Request) -> web.Response:
        return web.Response(body=b"<p>", content_type="text/html")

    app.router.add_get("/_page", page)
    async with TestServer(app) as running, Client(str(running.make_url("/"))) as client:
        answer = await client.answer("GET", "/_page")

    assert answer.body == b"<p>"
    assert "<p>" in str(answer)
