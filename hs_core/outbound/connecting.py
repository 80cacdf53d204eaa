"""Names, addresses and connections of the way out: each address is looked at where a socket is made for it.

So it does not matter how an address came up, as a literal, by a redirect or from a name server that answers twice and
differently: what was looked at is what is connected to.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import aiodns
import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from hs_core.outbound.addresses import is_special

if TYPE_CHECKING:
    from hs_core.outbound.client import Bounds, Lookup

CONNECT_SECONDS = 10.0
"""For one address of a host."""
RESOLVE_TRIES = 2
RESOLVE_SECONDS = 3.0
"""For one try at one name server."""


class SpecialAddress(OSError):
    """Of a private or special range: not to be connected to."""


@dataclass(frozen=True)
class Connections:
    """A session, and who resolves its names: that has to be closed as well."""

    session: aiohttp.ClientSession
    _resolver: _Resolver

    async def close(self) -> None:
        await self.session.close()
        await self._resolver.close()


def connections(bounds: Bounds, *, private: bool, verify_tls: bool, lookup: Lookup | None = None) -> Connections:
    """A session of no cookies, no proxies and no redirects of its own, whose connections are bounded and looked at."""
    from hs_core.outbound.client import USER_AGENT

    resolver = _Resolver(lookup or _SystemNames(), private=private)
    connector = aiohttp.TCPConnector(
        limit=bounds.connections,
        limit_per_host=bounds.per_destination,
        keepalive_timeout=bounds.idle_seconds,
        resolver=resolver,
        use_dns_cache=False,
        ssl=verify_tls,
        socket_factory=None if private else _socket_of_public_address,
    )
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        requote_redirect_url=False,
        headers={"User-Agent": USER_AGENT},
        skip_auto_headers=("content-type",),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
    )
    return Connections(session, resolver)


def _socket_of_public_address(info: Any) -> socket.socket:
    family, kind, protocol, _, address = info
    if is_special(ip_address(address[0])):
        raise SpecialAddress("an address of a private or special range")
    return socket.socket(family, kind, protocol)


class _SystemNames:
    """Asks the name servers of the system, and its `/etc/hosts`, without a thread."""

    def __init__(self) -> None:
        self._resolver = aiodns.DNSResolver(timeout=RESOLVE_SECONDS, tries=RESOLVE_TRIES)

    async def __call__(self, name: str) -> Sequence[str]:
        try:
            found = await self._resolver.getaddrinfo(
                name, family=socket.AF_UNSPEC, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
            )
        except aiodns.error.DNSError as error:
            raise OSError(None, str(error.args[1]) if len(error.args) > 1 else "no such name") from None
        return [node.addr[0].decode("ascii") for node in found.nodes]

    async def close(self) -> None:
        await self._resolver.close()


class _Resolver(AbstractResolver):
    """Leaves special addresses out, so that a host that has others, too, is reached by those."""

    def __init__(self, lookup: Lookup, *, private: bool) -> None:
        self._lookup = lookup
        self._private = private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        addresses = [ip_address(text) for text in await self._lookup(host)]
        if not addresses:
            raise OSError(None, "no such name")
        if not self._private:
            addresses = [address for address in addresses if not is_special(address)]
        if not addresses:
            raise SpecialAddress("an address of a private or special range")
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        if isinstance(self._lookup, _SystemNames):
            await self._lookup.close()
