"""What can be seen from outside: whether clients and other servers that know only the server's name find it."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

import aiodns
import msgspec

from hs_core.clock import SystemClock
from hs_core.federation.discovery import Services, discover, is_address, split
from hs_core.federation.lookup import ServiceReader, WellKnownReader
from hs_core.outbound import Outbound

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
        # The name is the administrator's own, and may well lead to a private address from here.
        async with Outbound(config.outbound, private=True) as outbound:
            return await look(config, WellKnownReader(outbound), ServiceReader(resolver))
    finally:
        await resolver.close()


async def look(config: Config, well_known: Answers, services: Services) -> list[str]:
    """The same, with these ways to ask."""
    for_clients, for_servers = await asyncio.gather(
        _for_clients(config, well_known), _for_servers(config, well_known, services)
    )
    return [note for note in (for_clients, for_servers) if note is not None]


def _is_for_others(server_name: str) -> bool:
    host = split(server_name)[0]
    return not is_address(host) and not any(host == name or host.endswith(f".{name}") for name in _NOBODYS)


async def _for_clients(config: Config, well_known: Answers) -> str | None:
    """What keeps clients from finding the server, if anything does."""
    host = split(config.server_name)[0]
    where, ours = f"https://{host}/.well-known/matrix/client", config.public_baseurl.rstrip("/")
    body = await well_known.read(host, "client")
    if body is None:
        if urlsplit(ours).netloc == host:
            return None
        return f"{where} does not answer (yet): who knows only @user:{config.server_name} does not find {ours}/"
    try:
        theirs = msgspec.json.decode(body, type=_ClientInformation).homeserver.base_url.rstrip("/")
    except msgspec.MsgspecError as error:
        return f"{where} is not as the specification wants it: {error}"
    return None if theirs == ours else f"{where} sends clients to {theirs}/, and public_baseurl is {ours}/"


async def _for_servers(config: Config, well_known: Answers, services: Services) -> str | None:
    """What keeps other servers from finding somebody with the right certificate where they look, if anything does."""
    if not config.federation.enabled:
        return None
    destination = await discover(config.server_name, well_known, services, SystemClock().random)
    reasons = []
    for host, port in destination.targets:
        reason = await _unreachable(config, host, port, destination.certificate)
        if reason is None:
            return None
        reasons.append(f"{host}:{port} ({reason})")
    return (
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
