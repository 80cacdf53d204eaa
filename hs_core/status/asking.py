"""Ask a running process how it is: over the internal listener or, where there is none, over a public one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import aiohttp
import msgspec
from prometheus_client.parser import text_string_to_metric_families

from hs_core.cluster.internal import INTERNAL
from hs_core.cluster.peers import proofs
from hs_core.config import Listener
from hs_core.config.model import Cluster
from hs_core.status.report import REPORT, Followed, Report

PATIENCE: Final = 3.0
"""Seconds for one process."""

MOST_BYTES: Final = 16 << 20

Answer = Report | str
"""What a process said, or why it did not."""


async def ask_all(addresses: Sequence[str], cluster: Cluster) -> list[Answer]:
    """Ask processes by the addresses of their internal listeners, all at once."""
    async with aiohttp.ClientSession(headers=proofs(cluster)) as session:
        return await asyncio.gather(*(_ask_internal(session, address) for address in addresses))


async def ask_listener(listener: Listener) -> Answer:
    """Ask the process that listens here."""
    connector = aiohttp.UnixConnector(str(listener.socket)) if listener.socket else aiohttp.TCPConnector(ssl=False)
    async with aiohttp.ClientSession(connector=connector) as session:
        try:
            return await _ask_public(session, url_of(listener))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return f"no answer at {url_of(listener)}: {str(error) or type(error).__name__}"


def url_of(listener: Listener) -> str:
    """Where this host reaches a listener."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(listener.bind, listener.bind)
    scheme = "http" if listener.tls is None else "https"
    if listener.socket is not None:
        return f"{scheme}://localhost"
    return f"{scheme}://[{host}]:{listener.port}" if ":" in host else f"{scheme}://{host}:{listener.port}"


async def _ask_internal(session: aiohttp.ClientSession, address: str) -> Answer:
    try:
        status, body = await _get(session, f"{address}{INTERNAL}{REPORT}")
        if status == 403:
            return "it has another cluster.secret"
        if status != 200:
            return f"it answers with status {status}"
        return msgspec.json.decode(body, type=Report)
    except (aiohttp.ClientError, TimeoutError, OSError, msgspec.MsgspecError) as error:
        return f"no answer at {address}: {str(error) or type(error).__name__}"


async def _ask_public(session: aiohttp.ClientSession, url: str) -> Report:
    status, body = await _get(session, f"{url}/health/ready")
    reasons: list[str] = [] if status == 200 else msgspec.json.decode(body, type=_Unavailable).reasons
    status, body = await _get(session, f"{url}/metrics")
    return _from_metrics(reasons, body.decode() if status == 200 else "")


class _Unavailable(msgspec.Struct):
    reasons: list[str]


def _from_metrics(reasons: list[str], text: str) -> Report:
    values: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            values.setdefault(sample.name, {})[sample.labels.get("stream", "")] = sample.value
    positions, lags = values.get("hs_stream_position", {}), values.get("hs_stream_lag", {})
    memory = values.get("process_resident_memory_bytes", {}).get("")
    return Report(
        reasons=reasons,
        followed={name: Followed(int(at), int(lags.get(name, 0))) for name, at in positions.items()},
        memory=None if memory is None else int(memory),
        connections=int(values.get("hs_database_connections", {}).get("", 0)),
    )


async def _get(session: aiohttp.ClientSession, url: str) -> tuple[int, bytes]:
    async with asyncio.timeout(PATIENCE), session.get(url, allow_redirects=False) as response:
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > MOST_BYTES:
                raise ValueError("it says too much")
        return response.status, bytes(body)
