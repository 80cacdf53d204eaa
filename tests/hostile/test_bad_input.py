"""Every route that a plugin declares, with input that nobody should send: a Matrix error, never a failure or a hang."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from hs_core.plugin.declaration import Auth
from hs_core.testing.client import Client
from hs_core.testing.homeserver import Homeserver
from hs_core.testing.http import Answer
from tests.hostile.bodies import NO_GOOD, NO_JSON, NO_OBJECTS, sample, wrong_somewhere
from tests.hostile.doors import Door, Visitor, doors

PATIENCE = 20.0
BAD_GATEWAY = 502
"""Somebody asked for what another server has, which does not answer."""
MOST_VISITORS = 4
"""Each costs as much as many requests: after so many at one door, the last stays, whatever it has done."""
JSON = {"Content-Type": "application/json"}


def is_refused(answer: Answer) -> bool:
    """Whether it is a refusal; the test fails if it is one that no client would understand, or no answer at all."""
    if answer.status < 400:
        return False
    assert answer.status < 500 or answer.status == BAD_GATEWAY, answer
    asks_for_more = answer.status == 401 and isinstance(answer.body, dict) and "flows" in answer.body
    assert asks_for_more or answer.errcode is not None, answer
    return True


class Knocker:
    """Sends one request after another to a door, as somebody who may come in.

    After a success it is somebody new, as the one before may be logged out, or have left the room.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self._visitors: dict[Auth, Visitor] = {}
        self._replaced = 0
        self._door: Door | None = None

    async def knock(
        self,
        door: Door,
        *,
        names: dict[str, str] | None = None,
        query: str = "timeout=0",
        data: bytes | None = None,
        **headers: str,
    ) -> Answer:
        kind = door.claim.route.auth
        if kind not in self._visitors:
            self._visitors[kind] = await Visitor.arrive(self.client, kind)
        visitor = self._visitors[kind]
        path = door.path(visitor.names | (names or {})) + "?" + query
        async with asyncio.timeout(PATIENCE):
            try:
                answer = await visitor.user.answer(door.method, path, data=data, headers=JSON | headers)
            except aiohttp.ClientOSError:
                # Once refused, a very large body is not read to its end: that connection is lost for the next request.
                answer = await visitor.user.answer(door.method, path, data=data, headers=JSON | headers)
        succeeded = not is_refused(answer) and door.method != "GET"
        if (answer.errcode == "M_UNKNOWN_TOKEN" and not headers) or (succeeded and self._may_replace(door)):
            del self._visitors[kind]
        return answer

    def _may_replace(self, door: Door) -> bool:
        self._replaced = self._replaced + 1 if door is self._door else 1
        self._door = door
        return self._replaced <= MOST_VISITORS


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def knocker(server: Homeserver) -> AsyncIterator[Knocker]:
    """Its answers are judged here: not all refusals of nonsense are provided for in the specification."""
    async with Client(server.url, shared_secret=server.shared_secret) as client:
        yield Knocker(client)


WITH_BODY = pytest.mark.parametrize("door", [door for door in doors() if door.takes_body], ids=str)
WITH_NAMES = pytest.mark.parametrize("door", [door for door in doors() if door.names], ids=str)
WITH_QUERY = pytest.mark.parametrize(
    "door", [door for door in doors() if door.method == "GET" or (door.said and door.said.query)], ids=str
)
WITH_TOKEN = pytest.mark.parametrize(
    "door", [door for door in doors() if door.claim.route.auth in {Auth.ACCESS_TOKEN, Auth.ADMIN}], ids=str
)

ONE_ENGINE = pytest.mark.parametrize("server", ["sqlite"], indirect=True)
"""For what is refused before a database is asked."""

STRANGE_NAMES = [
    "", "a%00b", "%FF", "%ED%A0%80", "%2F..%2F", "%2e%2e", "..", "%zz", "%0D%0A", "x" * 10_000, "%F0%9F%92%A9" * 100,
    "%21nowhere%3Ahs.test", "%40nobody%3Ahs.test", "%40%3A", "%23a%3A", "%24nothing", "99999999999999999999",
    "%27%22%3B--",
]  # fmt: skip
STRANGE_VALUES = [
    "", "%00", "%FF", "-1", "99999999999999999999", "1e9", "%7B", "%7B%22room%22%3A1%7D", "null", "s0_0",
    "s99999999999_99999999_9", "t1_1", "x" * 20_000, "%F0%9F%92%A9", "b",
]  # fmt: skip


@ONE_ENGINE
@WITH_BODY
async def test_what_is_no_json_object_is_refused(knocker: Knocker, door: Door) -> None:
    not_json = [await knocker.knock(door, data=data) for data in NO_JSON]
    no_object = [await knocker.knock(door, data=data) for data in NO_OBJECTS]

    if door.said is not None and door.said.asked:
        assert {(answer.status, answer.errcode) for answer in not_json} == {(400, "M_NOT_JSON")}
        assert {(answer.status, answer.errcode) for answer in no_object} == {(400, "M_BAD_JSON")}


@ONE_ENGINE
@WITH_BODY
async def test_json_without_measure_is_refused(knocker: Knocker, door: Door) -> None:
    for data in NO_GOOD:
        await knocker.knock(door, data=data)
    large = b'{"a":"' + b"x" * door.claim.route.max_body + b'"}'
    answer = await knocker.knock(door, data=large)

    if door.said is not None and door.said.asked:
        assert (answer.status, answer.errcode) == (413, "M_TOO_LARGE")


@WITH_BODY
async def test_a_body_may_be_wrong_in_any_place(knocker: Knocker, door: Door) -> None:
    for data in wrong_somewhere(sample(door.said)):
        await knocker.knock(door, data=data)


@WITH_NAMES
async def test_any_part_of_a_path_may_be_strange(knocker: Knocker, door: Door) -> None:
    body = b"{}" if door.takes_body else None
    for name in door.names:
        for strange in STRANGE_NAMES:
            await knocker.knock(door, names={name: strange}, data=body)


@WITH_QUERY
async def test_any_parameter_may_be_strange(knocker: Knocker, door: Door) -> None:
    body = b"{}" if door.takes_body else None
    documented = [] if door.said is None else [name for name in door.said.query if name != "timeout"]
    for name in documented:
        for strange in STRANGE_VALUES:
            await knocker.knock(door, query=f"timeout=0&{name}={strange}", data=body)
    for query in ("%FF=1", "&&&", "a=1&" * 2_000, "=", "%", "other=%00", "timeout=x"):
        await knocker.knock(door, query=f"timeout=0&{query}", data=body)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def no_credentials(knocker: Knocker) -> list[str]:
    """Headers that let nobody in; among them a token that was good once, and one that was tampered with."""
    gone = await knocker.client.register()
    await gone.logout()
    token = gone.login["access_token"]
    forged = f"Bearer {token[:-4]}AAAA"
    return ["", "Bearer", "Bearer ", "Basic YTpi", f"Bearer {token}", forged, "Bearer " + "x" * 10_000,
            "Bearer hst_%00_x_y", "Bearer \udcff\udcfe", "Bearer null"]  # fmt: skip


@ONE_ENGINE
@WITH_TOKEN
async def test_nobody_comes_in_with_a_token_that_is_none(
    knocker: Knocker, door: Door, no_credentials: list[str]
) -> None:
    for header in no_credentials:
        answer = await knocker.knock(door, data=b"{}" if door.takes_body else None, Authorization=header)
        assert (answer.status, answer.errcode) in {(401, "M_UNKNOWN_TOKEN"), (401, "M_MISSING_TOKEN")}, answer


async def test_the_server_is_as_well_as_before(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    await alice.send_text(room, "still here")

    assert await bob.sync_until(lambda sync: "still here" in sync.texts(room))
