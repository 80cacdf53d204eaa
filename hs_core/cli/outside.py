"""What can be seen from outside: whether clients and other servers that know only the server's name find it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

import aiodns
import aiohttp
import msgspec

from hs_core.clock import SystemClock
from hs_core.federation.discovery import Destination, Services, discover, is_address, split
from hs_core.federation.lookup import ServiceReader, WellKnownReader

if TYPE_CHECKING:
    from hs_core.config import Config

_CONNECT_SECONDS: Final = 5.0
_NOBODYS: Final = ("localhost", "test", "example", "invalid", "local", "example.com", "example.net", "example.org")
"""Names, with all below them, that nobody can reach from outside (RFC 2606, RFC 6762)."""


class _HomeserverInformation(msgspec.Struct):
    base_url: str


class _ClientInformation(msgspec.Struct):
    homeserver: _HomeserverInformation = msgspec.field(name="m.homeserver")


class Answers(Protocol):
    """What is below `/.well-known/matrix` of a host; `WellKnownReader` is one."""

    async def __call__(self, host: str) -> str | None: ...

    async def read(self, host: str, name: str) -> bytes | None: ...


async def seen_from_outside(config: Config) -> list[str]:
    """Notes about how the server is found; none about a server that is not for others."""
    if not _is_for_others(config.server_name):
        return []
    resolver = aiodns.DNSResolver()
    try:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            return await look(config, WellKnownReader(session), ServiceReader(resolver))
    finally:
        await resolver.close()


async def look(config: Config, well_known: Answers, services: Services) -> list[str]:
    """The same, with these ways to ask."""
    notes = [note async for note in _for_clients(config, well_known)]
    if config.federation.enabled:
        clock = SystemClock()
        destination = await discover(config.server_name, well_known, services, clock.random)
        notes += [note async for note in _for_servers(config, destination)]
    return notes


def _is_for_others(server_name: str) -> bool:
    host = split(server_name)[0]
    return not is_address(host) and not any(host == name or host.endswith(f".{name}") for name in _NOBODYS)


async def _for_clients(config: Config, well_known: Answers) -> AsyncIterator[str]:
    host = split(config.server_name)[0]
    where, ours = f"https://{host}/.well-known/matrix/client", config.public_baseurl.rstrip("/")
    body = await well_known.read(host, "client")
    if body is None:
        if urlsplit(ours).netloc != host:
            yield f"{where} does not answer (yet): who knows only @user:{config.server_name} does not find {ours}/"
        return
    try:
        theirs = msgspec.json.decode(body, type=_ClientInformation).homeserver.base_url.rstrip("/")
    except msgspec.MsgspecError as error:
        yield f"{where} is not as the specification wants it: {error}"
        return
    if theirs != ours:
        yield f"{where} sends clients to {theirs}/, and public_baseurl is {ours}/"


async def _for_servers(config: Config, destination: Destination) -> AsyncIterator[str]:
    """Whether somebody with the right certificate is where others look."""
    reasons = []
    for host, port in destination.targets:
        reason = await _unreachable(config, host, port, destination.certificate)
        if reason is None:
            return
        reasons.append(f"{host}:{port} ({reason})")
    yield (
        f"other servers look for {config.server_name} by {destination.reason}, and do not find it (yet) from here: "
        f"{', '.join(reasons)}"
    )


async def _unreachable(config: Config, host: str, port: int, certificate: str) -> str | None:
    trusted = ssl.create_default_context()
    if config.federation.ca_file is not None:
        trusted.load_verify_locations(config.federation.ca_file)
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(host, port, ssl=trusted, server_hostname=certificate)
    except ssl.SSLCertVerificationError as error:
        return f"its certificate is not good for {certificate}: {error.verify_message}"
    except TimeoutError:
        return "no answer"
    except OSError as error:
        return error.strerror or str(error)
    writer.close()
    return None
