"""What discovery asks of the network, of a real HTTPS server and a real name server."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiodns
import pytest
from aiohttp import web

from hs_core.config.model import Outbound as Settings
from hs_core.federation.discovery import ServiceRecord
from hs_core.federation.lookup import MOST_BYTES, ServiceReader, WellKnownReader
from hs_core.outbound import Outbound
from tests.certificates import Certificate, make_certificate

Handler = Callable[[web.Request], web.StreamResponse]
HOST = "hs.test"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"), HOST)


@asynccontextmanager
async def reader(
    certificate: Certificate, handler: Handler, *, verify_tls: bool = False
) -> AsyncIterator[tuple[WellKnownReader, int]]:
    """Reads from a server that answers everything with `handler`; and its port, at which all names are."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return handler(request)

    async def here(name: str) -> Sequence[str]:
        return ["127.0.0.1"]

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=certificate.server())
        await site.start()
        async with Outbound(Settings(verify_tls=verify_tls), private=True, lookup=here) as outbound:
            yield WellKnownReader(outbound), runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def test_a_delegation_is_read(certificate: Certificate) -> None:
    asked = []

    def handler(request: web.Request) -> web.Response:
        asked.append((request.host, request.path))
        return web.json_response({"m.server": "matrix.hs.test:443", "more": 1}, content_type="text/plain")

    async with reader(certificate, handler) as (well_known, port):
        assert await well_known(f"{HOST}:{port}") == "matrix.hs.test:443"
    assert asked == [(f"{HOST}:{port}", "/.well-known/matrix/server")]


async def test_redirects_are_followed_and_loops_are_not(certificate: Certificate) -> None:
    def handler(request: web.Request) -> web.Response:
        if request.path == "/there":
            return web.json_response({"m.server": "b.org"})
        raise web.HTTPFound("/loop" if request.path in ("/loop", "/.well-known/matrix/client") else "/there")

    async with reader(certificate, handler) as (well_known, port):
        assert await well_known(f"{HOST}:{port}") == "b.org"
        assert await well_known.read(f"{HOST}:{port}", "client") is None


@pytest.mark.parametrize(
    "answer",
    [
        web.json_response({"m.server": 7}).body,
        b'{"m.serve": "a"}',
        b"<html>",
        b"",
        b'{"m.server": "' + b"a" * MOST_BYTES + b'"}',
    ],
    ids=["not a string", "not there", "not JSON", "empty", "too long"],
)
async def test_what_is_not_valid_is_as_if_there_were_nothing(certificate: Certificate, answer: bytes) -> None:
    async with reader(certificate, lambda _: web.Response(body=answer)) as (well_known, port):
        assert await well_known(f"{HOST}:{port}") is None


async def test_neither_is_an_error_nor_the_certificate_of_somebody_else(certificate: Certificate) -> None:
    def handler(request: web.Request) -> web.Response:
        return web.json_response({"m.server": "b.org"}, status=404 if "missing" in request.host else 200)

    async with reader(certificate, handler) as (well_known, port):
        assert await well_known(f"missing.hs.test:{port}") is None
        assert await well_known(f"{HOST}:{port}") == "b.org"
    async with reader(certificate, handler, verify_tls=True) as (well_known, port):
        assert await well_known(f"{HOST}:{port}") is None


class _NameServer(asyncio.DatagramProtocol):
    """Knows one name, and says of all others that they do not exist."""

    def __init__(self, name: str, records: list[ServiceRecord]) -> None:
        self._question = _labels(name)
        self._records = records

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        end = data.index(b"\0", 12) + 5
        question = data[12:end]
        known = question.startswith(self._question)
        answers = [
            struct.pack("!HHHIHHHH", 0xC00C, 33, 1, 60, 6 + len(target), one.priority, one.weight, one.port) + target
            for one in self._records
            if (target := _labels(one.host))
        ]
        flags = 0x8580 if known else 0x8583
        header = data[:2] + struct.pack("!HHHHH", flags, 1, len(answers) if known else 0, 0, 0)
        self._transport.sendto(header + question + (b"".join(answers) if known else b""), addr)


def _labels(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


async def test_service_records_are_looked_up() -> None:
    records = [ServiceRecord(1, 2, "a.hs.test", 443), ServiceRecord(0, 5, "b.hs.test", 8448)]
    name = "_matrix-fed._tcp.hs.test"
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _NameServer(name, records), local_addr=("127.0.0.1", 0)
    )
    port = transport.get_extra_info("sockname")[1]
    resolver = aiodns.DNSResolver(nameservers=[f"127.0.0.1:{port}"])
    try:
        services = ServiceReader(resolver)
        assert await services(name) == records
        assert await services("_matrix._tcp.hs.test") == []
        transport.close()
    finally:
        await resolver.close()


async def test_a_name_server_that_is_away_is_as_if_there_were_no_records(tmp_path: Path) -> None:
    resolver = aiodns.DNSResolver(nameservers=["127.0.0.1:1"], timeout=0.1, tries=1)
    try:
        assert await ServiceReader(resolver)("_matrix-fed._tcp.hs.test") == []
    finally:
        await resolver.close()
