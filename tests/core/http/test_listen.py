"""Connections: kinds of listeners, those who stall, and coming to an end."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import aiohttp
import pytest

from hs_core.http import protocol
from hs_core.http.listen import Listener, Tls
from tests.certificates import make_certificate
from tests.core.http.toys import Toy, running

GET = b"GET /versions HTTP/1.1\r\nHost: x\r\n"


async def test_a_unix_socket_is_listened_on_and_removed(tmp_path: Path) -> None:
    path = tmp_path / "hs.sock"
    async with running(listener=Listener(socket=path)) as toy:
        assert toy.url == f"unix:{path}"
        connector = aiohttp.UnixConnector(str(path))
        async with aiohttp.ClientSession(connector=connector) as http, http.get("http://x/query") as response:
            assert (await response.json())["ip"] == ""
    assert not path.exists()


async def test_tls_is_spoken_where_a_certificate_is_given(tmp_path: Path) -> None:
    made = make_certificate(tmp_path, "localhost")
    async with running(listener=Listener(port=0, tls=Tls(made.certificate, made.key))) as toy:
        assert toy.url.startswith("https://")
        async with toy.get("/versions", ssl=made.client()) as response:
            assert response.status == 200


async def test_an_address_that_is_taken_is_an_error(toy: Toy) -> None:
    port = int(toy.url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        async with running(listener=Listener(port=port)):
            pass


async def test_requests_one_after_another_on_one_connection_are_answered_in_order(toy: Toy) -> None:
    said = await toy.say(GET + b"\r\n" + GET.replace(b"/versions", b"/nowhere") + b"Connection: close\r\n\r\n")
    assert said.index(b" 200 OK") < said.index(b" 404 ")


async def test_answers_are_dated(toy: Toy) -> None:
    for _ in range(2):
        began = datetime.now(UTC)
        async with toy.get("/versions") as response:
            (date,) = response.headers.getall("Date")
        assert began - timedelta(seconds=2) < parsedate_to_datetime(date) <= datetime.now(UTC)


@pytest.mark.parametrize("unfinished", [b"", b"GET", GET + b"X: "])
async def test_who_never_finishes_asking_is_disconnected(
    monkeypatch: pytest.MonkeyPatch, toy: Toy, unfinished: bytes
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.05)
    assert await toy.say(unfinished) == b""


async def test_who_dawdles_over_a_second_request_is_disconnected(monkeypatch: pytest.MonkeyPatch, toy: Toy) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.05)
    reader, writer = await toy.connect()
    writer.write(GET + b"\r\n")
    await reader.readuntil(b"{}")
    writer.write(GET)
    assert await reader.read() == b""
    writer.close()


@pytest.mark.parametrize(
    "head",
    [
        GET + b"X: " + b"a" * 70_000 + b"\r\n\r\n",
        GET + b"".join(b"X%d: a\r\n" % number for number in range(9000)) + b"\r\n",
        b"GET /" + b"a" * 70_000,
    ],
)
async def test_headers_without_end_are_refused(toy: Toy, head: bytes) -> None:
    assert (await toy.say(head)).startswith(b"HTTP/1.1 431 ")


async def test_a_large_body_that_comes_along_with_its_headers_is_not_taken_for_headers(toy: Toy) -> None:
    head = b"POST /greet HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 100016\r\n\r\n"
    said = await toy.say(head + b'{"name":"x","a":"' + b"a" * 99_997 + b'"}')
    assert said.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "noise",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"GET http://x HTTP/1.1\r\n\r\n",
        b"NO\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_400(toy: Toy, noise: bytes) -> None:
    assert (await toy.say(noise)).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("protocol_name", [b"websocket", b"h2c"])
async def test_who_asks_for_another_protocol_gets_this_one(toy: Toy, protocol_name: bytes) -> None:
    said = await toy.say(GET + b"Connection: Upgrade\r\nUpgrade: " + protocol_name + b"\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in said


async def test_more_connections_than_allowed_are_closed() -> None:
    async with running(listener=Listener(port=0, max_connections=1)) as toy:
        reader, writer = await toy.connect()
        writer.write(GET + b"\r\n")
        await reader.readuntil(b"{}")
        second, other = await toy.connect()
        with suppress(ConnectionResetError):
            assert await second.read() == b""
        assert len(toy.server._connections[0].connections) == 1
        writer.close()
        other.close()


async def test_who_takes_nothing_of_the_answer_is_disconnected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "STALLED_SECONDS", 0.05)
    async with running() as toy:
        _, writer = await toy.connect()
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(GET.replace(b"/versions", b"/long/50000000") + b"\r\n")
        connections = toy.server._connections[0]
        await connections.all_closed.wait()
        writer.close()


async def test_a_long_poll_ends_when_its_client_goes(toy: Toy) -> None:
    _, writer = await toy.connect()
    writer.write(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
    await toy.role.waiting.wait()
    writer.close()
    assert await toy.role.ended.get() == "cancelled"


async def test_a_write_is_finished_though_its_client_goes(toy: Toy) -> None:
    _, writer = await toy.connect()
    writer.write(b"POST /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    await toy.role.waiting.wait()
    writer.close()
    await toy.server._connections[0].all_closed.wait()
    toy.role.news.set()
    assert await toy.role.ended.get() == "answered"


async def test_draining_ends_long_polls_and_idle_connections_and_takes_no_more(toy: Toy) -> None:
    idle, idle_writer = await toy.connect()
    poll, poll_writer = await toy.connect()
    idle_writer.write(GET + b"\r\n")
    await idle.readuntil(b"{}")
    poll_writer.write(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
    await toy.role.waiting.wait()
    await toy.server.drain(10)
    assert (await poll.read()).endswith(b"{}")
    assert await idle.read() == b""
    with pytest.raises(OSError, match=r"[Cc]onnect"):
        await toy.connect()
    idle_writer.close()
    poll_writer.close()


async def test_draining_waits_for_a_write_in_progress(toy: Toy) -> None:
    reader, writer = await toy.connect()
    writer.write(b"POST /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    await toy.role.waiting.wait()
    drained = asyncio.ensure_future(toy.server.drain(10))
    await toy.site.draining.wait()
    toy.role.news.set()
    await drained
    assert (await reader.read()).endswith(b"{}")
    writer.close()


async def test_draining_breaks_off_what_does_not_end_in_time(toy: Toy) -> None:
    reader, writer = await toy.connect()
    writer.write(b"POST /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    await toy.role.waiting.wait()
    await toy.server.drain(0.01)
    assert await toy.role.ended.get() == "cancelled"
    said = await reader.read()
    assert said.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 2" in said
    writer.close()
