"""How the server ends, and that there is one of it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from hs_core.testing.client import User
from hs_core.testing.http import CLIENT_API, path
from tests.embedded.running import HsRun, hs_run

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def connected(server: HsRun) -> AsyncIterator[Connection]:
    where = urlsplit(server.url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        yield reader, writer
    finally:
        writer.close()


def head(user: User, method: str, where: str, *more: str) -> bytes:
    lines = [f"{method} {CLIENT_API}{where} HTTP/1.1", "Host: hs.test", f"Authorization: Bearer {user.access_token}"]
    return "\r\n".join([*lines, *more, "", ""]).encode()


async def body_of_200(reader: asyncio.StreamReader) -> dict[str, str]:
    """The rest of what comes on a connection, as one answer."""
    answered = await reader.read()
    assert answered.startswith(b"HTTP/1.1 200 "), answered
    body: dict[str, str] = orjson.loads(answered.partition(b"\r\n\r\n")[2])
    return body


async def test_a_server_that_is_told_to_stop_answers_first(tmp_path: Path) -> None:
    async with hs_run(tmp_path) as server:
        async with server.client() as client:
            user = await client.register()
            room = await user.create_room()
            since = (await user.sync()).next_batch
        async with connected(server) as (polled, polling), connected(server) as (sent, sending):
            polling.write(head(user, "GET", f"/sync?timeout=60000&since={since}"))
            said = b'{"msgtype":"m.text","body":"last words"}'
            where = path("rooms", room, "send", "m.room.message", "1")
            sending.write(head(user, "PUT", where, f"Content-Length: {len(said)}", "Expect: 100-continue"))
            # Its handler waits for the body.
            assert await sent.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"

            server.process.send_signal(signal.SIGTERM)
            assert (await body_of_200(polled))["next_batch"], "a long poll does not hold up the end"
            sending.write(said)
            event = (await body_of_200(sent))["event_id"]
        assert await server.ended() == 0

        await server.start()
        async with server.client() as client:
            again = User(client, user.login, None)
            assert (await again.event(room, event))["content"]["body"] == "last words"
            assert (await again.sync(since)).texts(room) == ["last words"]


async def test_a_second_server_on_the_same_data_is_refused(tmp_path: Path) -> None:
    async with hs_run(tmp_path) as server:
        second = await server.spawn()
        _, complaint = await second.communicate()

        assert second.returncode == 1
        said = complaint.decode().splitlines()
        assert len(said) == 1
        assert said[0].startswith("hs: ")
        assert f"is in use by process {server.process.pid}" in said[0]
        async with server.client() as client:
            await client.register()
