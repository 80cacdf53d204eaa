"""Service calls between two processes: they run where their key is owned, once, and refusals come back as they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol, cast

import aiohttp
import msgspec
import pytest
from starlette.responses import Response

from hs_core.cluster.calls import ServiceMissing, Services
from hs_core.cluster.elsewhere import CALL_PATH, KEY_HEADER
from hs_core.cluster.leases import NotOwner
from hs_core.cluster.once import call_key, done_before
from hs_core.cluster.peers import SECRET_HEADER
from hs_core.cluster.promises import promises_of
from hs_core.core import Core
from hs_core.db import Transaction, open_database
from hs_core.errors import LimitExceeded, MatrixError, NotFound, UnknownToken
from hs_core.http.request import Request
from hs_core.http.responses import json_response
from hs_core.matrix.errors import Rejected
from hs_core.plugin import Auth, Plugin, Route, Service
from hs_core.streams.writer import Log, Writer
from hs_core.testing.client import Client
from hs_core.testing.homeserver import Homeserver, homeserver
from hs_core.testing.redis import RedisServer
from tests.core.streams.notes import NOTES, Note, prepare, store, written

pytestmark = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)

SECRET = "of the tests"
PATIENCE = 20


class Parcel(msgspec.Struct, frozen=True):
    label: str
    content: bytes = b""


class Post(Protocol):
    """A service whose keys have an owner."""

    async def carry(self, topic: str, parcels: Sequence[Parcel], *, urgent: bool = False) -> dict[str, Any]:
        """Says who did it, and what came."""

    async def note(self, topic: str, text: str) -> int:
        """Write it down."""

    async def note_once(self, topic: str, text: str) -> bool:
        """Write it down, if this call has not done so before; whether it has now."""

    async def note_two(self, topic: str, text: str) -> list[bool]:
        """Write it down twice, by two calls."""

    async def refuse(self, topic: str, how: str) -> None:
        """Raise something."""

    async def numbers(self, topic: str, value: dict[str, Any]) -> dict[str, Any]:
        """The same again."""


class Desk(Protocol):
    """A service that anybody may answer."""

    async def who(self) -> str:
        """The process that answers."""


POST = Service[Post]("post", owner=NOTES)
DESK = Service[Desk]("desk")

REFUSALS: Mapping[str, Exception] = {
    "not found": NotFound("nowhere", extra={"hint": 1}),
    "slowly": LimitExceeded(2.5),
    "logged out": UnknownToken(soft_logout=True),
    "a rule": Rejected("it does not allow that"),
    "a fault": ZeroDivisionError("nobody foresaw that"),
}


@dataclass
class PostRole:
    """Answers both services."""

    name: str
    writer: Writer[Note]
    services: Services
    done: list[str] = field(default_factory=list)
    doubtful: int = 0
    """How many calls will lose their slot while they run."""
    silent: int = 0
    """How many will be done, and lose their slot before they can answer."""

    async def carry(self, topic: str, parcels: Sequence[Parcel], *, urgent: bool = False) -> dict[str, Any]:
        self.done.append(topic)
        return {"by": self.name, "labels": [each.label for each in parcels], "urgent": urgent}

    async def note(self, topic: str, text: str) -> int:
        self.done.append(text)
        if self.doubtful:
            self.doubtful -= 1
            raise NotOwner("notes", {0})
        return await self.writer.write([topic], lambda tx, log: store(tx, log, [Note(topic, text)]))

    async def note_once(self, topic: str, text: str) -> bool:
        key = call_key()

        def work(tx: Transaction, log: Log[Note]) -> bool:
            if done_before(tx, key):
                return False
            store(tx, log, [Note(topic, text)])
            return True

        written = await self.writer.write([topic], work)
        if self.silent:
            self.silent -= 1
            raise NotOwner("notes", {0})
        return written

    async def note_two(self, topic: str, text: str) -> list[bool]:
        """Two calls in one, which this process makes to itself."""
        return [await self.services[POST].note_once(topic, text) for _ in range(2)]

    async def refuse(self, topic: str, how: str) -> None:
        raise REFUSALS[how]

    async def numbers(self, topic: str, value: dict[str, Any]) -> dict[str, Any]:
        return value

    async def who(self) -> str:
        return self.name


@asynccontextmanager
async def start(core: Core) -> AsyncIterator[PostRole]:
    yield PostRole(core.config.data_dir.parent.name, core.writer(NOTES), core.services)


async def get_hello(role: PostRole, request: Request) -> Response:
    return json_response({"by": role.name, "ip": request.client_ip, "id": request.request_id})


async def post_echo(role: PostRole, request: Request) -> Response:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return json_response({"by": role.name, "size": size})


PLUGIN = Plugin(
    "post",
    routes=[
        Route("GET", "/_matrix/client/v3/hello", get_hello, Auth.NONE),
        Route("POST", "/_matrix/client/v3/echo", post_echo, Auth.NONE, max_body=4 << 20),
    ],
    writes=[NOTES],
    reads=[NOTES.name],
    serves=[POST, DESK],
    start=start,
)


CLERK = Plugin("clerk", requires=["post"])


@asynccontextmanager
async def process(folder: Path, url: str, redis: str, *, active: bool, **cluster: str) -> AsyncIterator[Homeserver]:
    settings = {
        "redis": {"url": redis},
        "server_name": f"{folder.parent.name.replace('_', '-')}.test",
        "cluster": {"secret": SECRET, **cluster},
    }
    async with homeserver(
        folder, url, settings=settings, plugins=[PLUGIN, CLERK], active=["post"] if active else ["clerk"]
    ) as server:
        yield server


@dataclass
class Pair:
    """`worker` does everything, `other` nothing itself."""

    worker: Homeserver
    other: Homeserver

    @property
    def role(self) -> PostRole:
        return cast(PostRole, self.worker.core.services.here("post"))

    @property
    def post(self) -> Post:
        return self.other.core.services[POST]


@pytest.fixture(autouse=True)
def folders(tmp_path: Path) -> None:
    for name in ("worker", "other"):
        (tmp_path / name).mkdir()


@pytest.fixture
async def url(database_url: str) -> str:
    database = await open_database(database_url)
    await prepare(database)
    await database.close()
    return database_url


@pytest.fixture
async def pair(url: str, redis_server: RedisServer, tmp_path: Path) -> AsyncIterator[Pair]:
    async with (
        process(tmp_path / "worker", url, redis_server.url(), active=True) as worker,
        process(tmp_path / "other", url, redis_server.url(), active=False) as other,
    ):
        yield Pair(worker, other)


async def test_calls_run_where_the_plugin_is_active(pair: Pair) -> None:
    parcels = [Parcel("a", b"\0\xff"), Parcel("b")]

    assert await pair.post.carry("t", parcels) == {"by": "worker", "labels": ["a", "b"], "urgent": False}
    assert await pair.post.carry("t", parcels=[], urgent=True) == {"by": "worker", "labels": [], "urgent": True}
    assert await pair.other.core.services[DESK].who() == "worker"
    assert await pair.post.note("t", "hello") > 0


async def test_integers_of_old_room_versions_are_carried(pair: Pair) -> None:
    value = {"large": 2**80, "small": -(2**80), "float": 1.5, "none": None}

    assert await pair.post.numbers("t", value) == value


@pytest.mark.parametrize("how", ["not found", "slowly", "logged out"])
async def test_a_refusal_is_the_same_where_it_was_called_for(pair: Pair, how: str) -> None:
    said = cast(MatrixError, REFUSALS[how])

    with pytest.raises(type(said)) as caught:
        await pair.post.refuse("t", how)
    assert (caught.value.status, caught.value.body(), caught.value.headers) == (said.status, said.body(), said.headers)


@pytest.mark.parametrize(("how", "status"), [("a rule", 403), ("a fault", 500)])
async def test_what_is_raised_otherwise_is_what_a_client_would_be_told(pair: Pair, how: str, status: int) -> None:
    with pytest.raises(MatrixError) as caught:
        await pair.post.refuse("t", how)
    assert caught.value.status == status
    assert "nobody foresaw" not in caught.value.message


async def test_a_call_whose_slot_is_lost_on_the_way_is_made_again(pair: Pair) -> None:
    pair.role.doubtful = 2

    assert await pair.post.note("t", "in the end") > 0
    assert pair.role.done == ["in the end"] * 3


async def test_a_call_that_was_done_and_not_answered_is_not_done_again(pair: Pair) -> None:
    pair.role.silent = 2

    assert await pair.post.note_once("t", "one") is False
    assert await pair.post.note_once("t", "two") is True
    assert await pair.worker.core.services[POST].note_once("t", "three") is True
    assert [text for _, text in await written(pair.worker.core.db)] == ["one", "two", "three"]


async def test_calls_that_are_made_by_a_call_are_others(pair: Pair) -> None:
    assert await pair.post.note_two("t", "same") == [True, True]


async def test_the_same_call_is_done_once_however_often_it_is_asked_for(pair: Pair) -> None:
    internal = await pair.worker.core.db.read(
        lambda tx: tx.value("SELECT address FROM processes WHERE plugins LIKE '%post%'")
    )
    body = promises_of(POST)["note"].write_arguments(("t", "once"), {})
    async with aiohttp.ClientSession() as session:

        async def ask(secret: str, key: str) -> tuple[int, bytes]:
            headers = {SECRET_HEADER: secret, KEY_HEADER: key}
            async with session.post(f"{internal}{CALL_PATH}post/note", headers=headers, data=body) as response:
                return response.status, await response.read()

        answers = [*await asyncio.gather(ask(SECRET, "k"), ask(SECRET, "k")), await ask(SECRET, "k")]
        assert len(set(answers)) == 1
        assert pair.role.done == ["once"]
        assert (await ask("a guess", "another"))[0] == 403
        assert (await ask("", "another"))[0] == 403
        assert (await ask(SECRET, ""))[0] == 404, "without a key nobody could tell it from another call"
        assert pair.role.done == ["once"]


async def test_a_service_that_nobody_offers_is_missing_until_somebody_does(
    url: str, redis_server: RedisServer, tmp_path: Path
) -> None:
    async with process(tmp_path / "other", url, redis_server.url(), active=False) as other, Client(other.url) as client:
        with pytest.raises(ServiceMissing):
            await other.core.services[POST].note("t", "x")
        refused = await client.answer("GET", "/hello")
        assert (refused.status, refused.headers["Retry-After"]) == (503, "2")
        unready = await client.answer("GET", "/health/ready")
        assert unready.status == 503
        assert unready.body["reasons"] == ["no process has the plugin 'post', which is needed here"]
        async with process(tmp_path / "worker", url, redis_server.url(), active=True):
            async with asyncio.timeout(PATIENCE):
                while (await client.answer("GET", "/hello")).status != 200:  # noqa: ASYNC110  it has to be noticed
                    await asyncio.sleep(0.02)
            assert await other.core.services[POST].note("t", "x") > 0
            assert (await client.answer("GET", "/health/ready")).status == 200


async def test_a_process_that_fails_while_it_starts_leaves_the_others_at_once(
    pair: Pair, url: str, redis_server: RedisServer, tmp_path: Path
) -> None:
    settings = {
        "redis": {"url": redis_server.url()},
        "cluster": {"secret": SECRET},
        "listeners": [{"port": int(pair.other.url.rpartition(":")[2])}],
    }
    (tmp_path / "third").mkdir()
    with pytest.raises(ExceptionGroup) as failed:
        async with homeserver(tmp_path / "third", url, settings=settings, plugins=[PLUGIN, CLERK]):
            pass

    assert failed.value.subgroup(OSError) is not None
    assert await pair.worker.core.db.read(lambda tx: tx.value("SELECT COUNT(*) FROM processes")) == 2
    assert await pair.post.note("t", "still here") > 0


async def test_a_secret_is_replaced_without_a_pause(url: str, redis_server: RedisServer, tmp_path: Path) -> None:
    """Restarted one by one, some have the old secret, some both, some the new one: neighbours trust each other."""
    stages: list[dict[str, str]] = [
        {"secret": SECRET},
        {"secret": "another", "previous_secret": SECRET},
        {"secret": "another"},
    ]
    for earlier, later in pairwise(stages):
        for worker, asking in ((earlier, later), (later, earlier)):
            async with (
                process(tmp_path / "worker", url, redis_server.url(), active=True, **worker),
                process(tmp_path / "other", url, redis_server.url(), active=False, **asking) as other,
                Client(other.url) as client,
            ):
                assert await other.core.services[DESK].who() == "worker"
                assert (await client.request("GET", "/hello"))["by"] == "worker"


async def test_requests_are_passed_on_with_who_asks_and_back_as_they_come(pair: Pair) -> None:
    async with Client(pair.other.url) as client:
        told = await client.request("GET", "/hello", headers={"x-request-id": "abc-1", "hs-client": "6.6.6.6"})
        assert told == {"by": "worker", "ip": "127.0.0.1", "id": "abc-1"}
        for size in (0, 10, 1 << 20, 3 << 20):
            assert await client.request("POST", "/echo", data=b"x" * size) == {"by": "worker", "size": size}
        too_large = await client.answer("POST", "/echo", data=b"x" * (5 << 20))
        assert (too_large.status, too_large.errcode) == (413, "M_TOO_LARGE")
        assert (await client.answer("PUT", "/hello")).status == 405
        assert (await client.answer("HEAD", "/hello")).status == 200


async def test_a_body_without_a_length_is_passed_on_as_it_comes(pair: Pair) -> None:
    async def body(parts: int) -> AsyncIterator[bytes]:
        for _ in range(parts):
            yield b"y" * 100_000

    async with aiohttp.ClientSession() as session:
        async with session.post(f"{pair.other.url}/_matrix/client/v3/echo", data=body(20)) as response:
            assert await response.json() == {"by": "worker", "size": 2_000_000}
        async with session.post(f"{pair.other.url}/_matrix/client/v3/echo", data=body(50)) as response:
            assert response.status == 413


async def test_what_was_passed_on_is_not_passed_on_again(pair: Pair) -> None:
    async with aiohttp.ClientSession() as session:
        internal = await pair.worker.core.db.read(
            lambda tx: tx.value("SELECT address FROM processes WHERE plugins NOT LIKE '%post%'")
        )
        headers = {SECRET_HEADER: SECRET}
        async with session.get(f"{internal}/_matrix/client/v3/hello", headers=headers) as response:
            assert response.status == 421
        async with session.get(f"{internal}/_matrix/client/v3/hello") as response:
            assert response.status == 403
