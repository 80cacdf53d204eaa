"""From a server's name to where it is reached (server-server API, "Resolving server names")."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.identifiers import parse_server_name

DEFAULT_PORT: Final = 8448
SERVICES: Final = ("_matrix-fed._tcp", "_matrix._tcp")
"""Names of SRV records in the order in which they are looked for; the second is deprecated."""


@dataclass(frozen=True, slots=True)
class ServiceRecord:
    """An SRV record."""

    priority: int
    weight: int
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Destination:
    """Where requests to a server go."""

    host_header: str
    certificate: str
    """The host name or IP address for which the server must show a valid certificate."""
    targets: tuple[tuple[str, int], ...]
    """Host names or IP addresses, with ports, in the order in which to try them."""
    reason: str
    """What led there, for people: `its name`, `.well-known`, `an SRV record` or `the default port`."""


WellKnown = Callable[[str], Awaitable[str | None]]
"""What `/.well-known/matrix/server` of a host delegates to, if its answer is valid JSON with an `m.server`."""
Services = Callable[[str], Awaitable[Sequence[ServiceRecord]]]
"""The SRV records of a name; none if it has none, or if nobody can tell."""


async def discover(
    server_name: str, well_known: WellKnown, services: Services, chance: Callable[[], float]
) -> Destination:
    """Find a server. `chance` answers with numbers in [0, 1).

    Raises:
        ProtocolError: if `server_name` is none.
    """
    host, port = split(server_name)
    if is_address(host) or port is not None:
        return _direct(host, port, "its name")
    delegated = await well_known(host)
    if delegated is None:
        return await _by_name(host, services, chance)
    try:
        there, port = split(delegated)
    except ProtocolError:  # as if there had been no answer
        return await _by_name(host, services, chance)
    if is_address(there) or port is not None:
        return _direct(there, port, ".well-known")
    return await _by_name(there, services, chance, ".well-known")


def split(server_name: str) -> tuple[str, int | None]:
    """The host, an IPv6 address without its brackets, and the port if there is one. Raises ProtocolError."""
    name = str(parse_server_name(server_name))
    host, colon, port = name.rpartition(":")
    if not colon or name.endswith("]"):
        host, port = name, ""
    if port and int(port) not in range(1, 65536):
        raise ProtocolError(f"{port} is not a port")
    return host.strip("[]"), int(port) if port else None


def is_address(host: str) -> bool:
    """Whether a host is an IP address, and not a name to look up."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def in_order(records: Sequence[ServiceRecord], chance: Callable[[], float]) -> list[ServiceRecord]:
    """Records in the order in which to try them: by priority, and of one priority the heavier more often first.

    See RFC 2782.
    """
    ordered: list[ServiceRecord] = []
    for priority in sorted({record.priority for record in records}):
        left = [record for record in records if record.priority == priority]
        while left:
            # A weight of 0 has "a very small chance" as long as there are others.
            weights = [record.weight or 0.01 for record in left]
            mark = chance() * sum(weights)
            index = 0
            while mark >= weights[index] and index < len(left) - 1:
                mark -= weights[index]
                index += 1
            ordered.append(left.pop(index))
    return ordered


def _direct(host: str, port: int | None, reason: str) -> Destination:
    shown = f"[{host}]" if ":" in host else host
    header = shown if port is None else f"{shown}:{port}"
    return Destination(header, host, ((host, port or DEFAULT_PORT),), reason)


async def _by_name(host: str, services: Services, chance: Callable[[], float], reason: str = "") -> Destination:
    """A host without a port: SRV records say where it is, or else it is at the default port."""
    for service in SERVICES:
        records = [record for record in await services(f"{service}.{host}") if record.host not in ("", ".")]
        if records:
            targets = tuple((record.host.rstrip("."), record.port) for record in in_order(records, chance))
            return Destination(host, host, targets, _both(reason, "an SRV record"))
    return Destination(host, host, ((host, DEFAULT_PORT),), reason or "the default port")


def _both(first: str, second: str) -> str:
    return f"{first} and {second}" if first else second
