"""The questions that discovery asks of the network: HTTPS for `.well-known`, DNS for SRV records."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import aiodns
import msgspec
import pycares

from hs_core.federation.discovery import ServiceRecord
from hs_core.outbound import Outbound, OutboundError

SECONDS: Final = 10.0
"""For one question."""
MOST_BYTES: Final = 64 * 1024
"""Of an answer below `/.well-known`; longer ones count as none."""
MOST_REDIRECTS: Final = 5


class _Delegation(msgspec.Struct):
    server: str = msgspec.field(name="m.server")


class WellKnownReader:
    """Reads `/.well-known/matrix/...` of other hosts. See `WellKnown`."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    async def __call__(self, host: str) -> str | None:
        """What the host delegates to, if it answers with valid JSON."""
        body = await self.read(host, "server")
        if body is not None:
            with suppress(msgspec.MsgspecError):
                return msgspec.json.decode(body, type=_Delegation).server
        return None

    async def read(self, host: str, name: str) -> bytes | None:
        """The body of `https://HOST/.well-known/matrix/NAME`, if the answer is a 200 of moderate size."""
        url = f"https://{host}/.well-known/matrix/{name}"
        try:
            answer = await self._outbound.request(
                "GET", url, seconds=SECONDS, max_bytes=MOST_BYTES, redirects=MOST_REDIRECTS
            )
        except OutboundError:
            return None
        return answer.body if answer.status == 200 else None


class ServiceReader:
    """Looks up SRV records. See `Services`."""

    def __init__(self, resolver: aiodns.DNSResolver) -> None:
        self._resolver = resolver

    async def __call__(self, name: str) -> list[ServiceRecord]:
        """The records of a name; none if there are none, or nobody answers."""
        try:
            result = await self._resolver.query_dns(name, "SRV")
        except (aiodns.error.DNSError, TimeoutError):
            return []
        return [
            ServiceRecord(data.priority, data.weight, data.target, data.port)
            for data in (record.data for record in result.answer)
            if isinstance(data, pycares.SRVRecordData)
        ]
