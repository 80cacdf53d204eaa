"""Connections to the other processes of a deployment: kept, with the secret, and given up when the other is gone."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
from yarl import URL

from hs_core.cluster.members import Member
from hs_core.config.model import Cluster

SECRET_HEADER: Final = "hs-cluster-secret"
PREVIOUS_HEADER: Final = "hs-cluster-previous-secret"

CONNECT_SECONDS: Final = 2.0
IDLE_SECONDS: Final = 30.0
"""After which a connection is closed by who opened it: before the other side would."""
POOL_SIZE: Final = 0
"""Connections to all other processes; 0 for as many as there are requests at once."""
READ_BUFFER: Final = 1 << 20


class Unreachable(Exception):
    """The other process did not answer. `begun`: it may have received the request."""

    def __init__(self, member: Member, reason: str, *, begun: bool) -> None:
        super().__init__(f"{member.id} at {member.address}: {reason}")
        self.begun = begun


def proofs(cluster: Cluster) -> dict[str, str]:
    """The headers that show a process to be of the deployment.

    While one secret replaces the other, both are shown: the other process may not have been restarted yet.
    """
    assert cluster.secret is not None, "the configuration's rules demand it"
    shown: dict[str, str] = {SECRET_HEADER: cluster.secret}
    return shown if cluster.previous_secret is None else {**shown, PREVIOUS_HEADER: cluster.previous_secret}


class Peers:
    """Sends requests to the internal listeners of other processes."""

    def __init__(self, proofs: Mapping[str, str]) -> None:
        self._proofs = proofs
        self._session: aiohttp.ClientSession | None = None
        self._waiting: dict[str, set[asyncio.Timeout]] = defaultdict(set)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Be able to send for as long as the context lasts."""
        connector = aiohttp.TCPConnector(limit=POOL_SIZE, keepalive_timeout=IDLE_SECONDS)
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers=self._proofs,
            skip_auto_headers=("user-agent", "accept", "accept-encoding", "content-type"),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            read_bufsize=READ_BUFFER,
        ) as self._session:
            yield

    def only(self, alive: Collection[str]) -> None:
        """Give up waiting for all processes but these."""
        now = asyncio.get_running_loop().time()
        for member_id in self._waiting.keys() - set(alive):
            for waiting in self._waiting.pop(member_id):
                waiting.reschedule(now)

    @asynccontextmanager
    async def request(
        self, member: Member, method: str, target: str, *, headers: Mapping[str, str], body: Any, seconds: float | None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer of another process. `target` is a path with its query, as it goes over the wire.

        Raises Unreachable: if there is none within `seconds`, or the process is taken for dead.
        """
        assert self._session is not None, "no request before the process is connected"
        url = URL(member.address + target, encoded=True)
        try:
            async with self._until_gone(member, seconds):
                sending = self._session.request(method, url, headers=headers, data=body, allow_redirects=False)
                async with sending as response:
                    yield response
        except aiohttp.ClientConnectorError as error:
            raise Unreachable(member, str(error), begun=False) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable(member, str(error) or type(error).__name__, begun=True) from error

    @asynccontextmanager
    async def _until_gone(self, member: Member, seconds: float | None) -> AsyncIterator[None]:
        waiting = self._waiting[member.id]
        async with asyncio.timeout(seconds) as timeout:
            waiting.add(timeout)
            try:
                yield
            finally:
                waiting.discard(timeout)
