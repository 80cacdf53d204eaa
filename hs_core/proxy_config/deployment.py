"""The processes of a configuration as a proxy sees them: who listens where, for what."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hs_core.config import Config, Listener
from hs_core.plugin.declaration import Resource

_LOCAL: Final = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1", "localhost": "127.0.0.1"}
"""Where to find what listens everywhere. `localhost` would make some proxies try IPv6 first."""


class NothingToProxy(Exception):
    """No process listens where a proxy could reach it. The message says what to add."""


@dataclass(frozen=True, slots=True)
class Address:
    """One listener of one replica."""

    name: str
    """`sync-1`: unique among the addresses of one resource."""
    host: str = ""
    port: int = 0
    socket: Path | None = None

    @property
    def authority(self) -> str:
        """`HOST:PORT`, of an IPv6 address `[HOST]:PORT`."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Member:
    """An entry of `processes`, all replicas together; without processes, the one that `hs run` starts."""

    name: str
    plugins: frozenset[str]
    tags: frozenset[str]
    replicas: int
    listeners: tuple[Listener, ...]

    def listener(self, resource: Resource) -> Listener | None:
        """Where requests of this kind are answered: the first listener that carries them without TLS."""
        able = (each for each in self.listeners if _is_behind_proxy(each) and resource in each.resources)
        return next(able, None)

    def addresses(self, resource: Resource) -> tuple[Address, ...]:
        """The same of each replica."""
        listener = self.listener(resource)
        return () if listener is None else tuple(_address(self, listener, index) for index in range(self.replicas))


def _is_behind_proxy(listener: Listener) -> bool:
    """One with TLS is for clients that come directly; a port that the system chooses nobody can know."""
    return listener.tls is None and (listener.socket is not None or listener.port != 0)


def _address(member: Member, listener: Listener, index: int) -> Address:
    one = listener.of_replica(index)
    name = f"{member.name}-{index}" if member.replicas > 1 else member.name
    if one.socket is not None:
        return Address(name, socket=one.socket)
    return Address(name, _LOCAL.get(one.bind, one.bind), one.port)


@dataclass(frozen=True)
class Deployment:
    """All processes, and which of them answer a request."""

    members: Sequence[Member]

    @classmethod
    def of(cls, config: Config, installed: Collection[str]) -> Deployment:
        """Raises NothingToProxy."""
        if not config.processes:
            return cls._with_listeners([Member("hs", frozenset(installed), frozenset(), 1, config.listeners)])
        members = []
        for name, process in config.processes.items():
            wanted = set(process.plugins) | (set(installed) if "*" in process.plugins else set())
            plugins = frozenset(wanted - set(process.except_))
            members.append(Member(name, plugins, frozenset(process.tags), process.replicas, process.listeners))
        return cls._with_listeners(members)

    @classmethod
    def _with_listeners(cls, members: Sequence[Member]) -> Deployment:
        if not any(_is_behind_proxy(listener) for member in members for listener in member.listeners):
            raise NothingToProxy(
                "no process has a listener without TLS; add one, such as {bind: 127.0.0.1, port: 8101}"
            )
        return cls(members)

    def answering(self, resource: Resource, plugin: str | None = None, tag: str | None = None) -> list[Member]:
        """The processes to send such requests to; none if no listener carries the resource.

        Those where the plugin is active, or else any, which pass it on. A process with tags is kept for them.
        """
        carrying = [member for member in self.members if member.addresses(resource)]
        active = [member for member in carrying if plugin in member.plugins] or carrying
        tagged = [member for member in active if tag in member.tags]
        return tagged or [member for member in active if not member.tags] or active

    def unproxied(self, public: Collection[Resource]) -> Iterator[str]:
        """The processes with a listener that does not know that a proxy stands before it, for these resources."""
        for member in self.members:
            if any(used is not None and not used.proxied for used in map(member.listener, public)):
                yield member.name
