"""Very many connections that say nothing, or not much: others are still served, and memory stays in bounds."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.embedded.running import USUAL_DESCRIPTORS, hs_run

WANTED = 10_000
MOST_BYTES = 24 * 1024
"""Of the server's memory, for each."""
AT_ONCE = 500


def _possible() -> int:
    """`WANTED`, or what a system with a lower hard limit lets the server accept."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return min(WANTED, hard * 3 // 4 - 100)


@contextmanager
def _as_many_files_as_allowed() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _memory(pid: int) -> int:
    """Resident bytes of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


async def test_idle_and_slow_connections_cost_little_and_keep_nobody_out(tmp_path: Path) -> None:
    async with hs_run(tmp_path) as server, server.client() as client:
        user = await client.register()
        where = urlsplit(server.url)
        before = _memory(server.process.pid)
        with _as_many_files_as_allowed(), ExitStack() as stack:
            loop = asyncio.get_running_loop()
            sockets = [stack.enter_context(socket.socket()) for _ in range(_possible())]
            assert len(sockets) > USUAL_DESCRIPTORS, "more than the server could have had without asking"
            for connection in sockets:
                connection.setblocking(False)
            for batch in (sockets[i : i + AT_ONCE] for i in range(0, len(sockets), AT_ONCE)):
                await asyncio.gather(*(loop.sock_connect(each, (where.hostname, where.port)) for each in batch))
            for slow in sockets[::2]:
                await loop.sock_sendall(slow, b"GET /_matrix/client/versions HTTP/1.1\r\nX-Slow: ")

            assert (await user.whoami())["user_id"] == user.user_id
            assert await client.register(), "somebody who was not there before"
            for each in (sockets[0], sockets[-1]):
                await loop.sock_sendall(each, b"x\r\n\r\n" if each in sockets[::2] else b"\r\n")
            answered = await loop.sock_recv(sockets[0], 1000)
            assert answered.startswith(b"HTTP/1.1 200 "), "the first of them is still welcome"
            assert _memory(server.process.pid) - before < len(sockets) * MOST_BYTES
