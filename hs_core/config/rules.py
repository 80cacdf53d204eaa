"""What one setting demands of another, and what a type alone cannot say. Each rule yields its problems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from hs_core.config.model import ANY_ADDRESS, Config, Listener
from hs_core.config.problems import Problem, nearest
from hs_core.config.reader import Where
from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.identifiers import parse_server_name
from hs_core.matrix.room_version import room_version

_LEAST_CONNECTIONS = 2
"""Of a process: one for units of work, one for long reads."""
_LEAST_MEMORY = 100 << 20
"""Bytes of a process, most of which it needs before it remembers anything."""


@dataclass(frozen=True)
class _Place:
    """A listener, where it is written, and how often it is there: replica k listens on its port + k."""

    where: Where
    name: str
    listener: Listener
    replicas: int = 1

    @property
    def ports(self) -> range:
        """None at all if the system chooses them, or at a Unix socket."""
        first = self.listener.port
        return range(first, first + self.replicas) if first and self.listener.socket is None else range(0)

    @property
    def sockets(self) -> set[Path]:
        """Where each replica listens, if that is a Unix socket."""
        made = {self.listener.of_replica(index).socket for index in range(self.replicas)}
        return {socket for socket in made if socket is not None}

    def shared_ports(self, other: _Place) -> range:
        """The ports on which both would listen at one address."""
        binds = {self.listener.bind, other.listener.bind}
        if len(binds) > 1 and not binds & ANY_ADDRESS:
            return range(0)
        return range(max(self.ports.start, other.ports.start), min(self.ports.stop, other.ports.stop))


@dataclass(frozen=True)
class _Rules:
    config: Config
    places: Mapping[Where, tuple[str, int]]
    plugins: frozenset[str]

    def problem(self, where: Where, message: str, remedy: str) -> Problem:
        """At `where` or, if that was not written, at what is around it."""
        for end in range(len(where), -1, -1):
            if where[:end] in self.places:
                return Problem(*self.places[where[:end]], message, remedy)
        return Problem("the configuration", 0, message, remedy)

    def names(self) -> Iterator[Problem]:
        try:
            parse_server_name(self.config.server_name)
        except ProtocolError as error:
            yield self.problem(("server_name",), str(error), "write a host name such as example.org")
        base = urlsplit(self.config.public_baseurl)
        if base.scheme not in {"http", "https"} or not base.netloc:
            yield self.problem(
                ("public_baseurl",), f"{self.config.public_baseurl!r} is not a web address", "write https://HOST/"
            )
        try:
            room_version(self.config.default_room_version)
        except ProtocolError as error:
            yield self.problem(("default_room_version",), str(error), 'write a version that is known, such as "12"')

    def database(self) -> Iterator[Problem]:
        scheme, separator, rest = self.config.database.url.partition("://")
        if scheme not in {"sqlite", "postgresql"} or not separator or not rest.strip("/"):
            yield self.problem(
                ("database", "url"),
                "that is not a database",
                "write sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME",
            )

    def recaptcha(self) -> Iterator[Problem]:
        keys = self.config.recaptcha
        if (keys.public_key is None) != (keys.private_key is None):
            missing = "public_key" if keys.public_key is None else "private_key"
            yield self.problem(("recaptcha",), f"recaptcha.{missing} is missing", "give both keys, or neither")

    def process_plugins(self) -> Iterator[Problem]:
        for name, process in self.config.processes.items():
            for key, plugins in (("plugins", process.plugins), ("except", process.except_)):
                for index, plugin in enumerate(plugins):
                    if plugin not in self.plugins and not (plugin == "*" and key == "plugins"):
                        where = ("processes", name, key, index)
                        yield self.problem(
                            where, f"the plugin {plugin!r} is not installed", nearest(plugin, self.plugins)
                        )

    def stream_writers(self) -> Iterator[Problem]:
        for stream, processes in self.config.streams.items():
            for index, process in enumerate(processes):
                if process not in self.config.processes:
                    remedy = nearest(process, self.config.processes)
                    yield self.problem(("streams", stream, index), f"there is no process {process!r}", remedy)

    def addresses(self) -> Iterator[Problem]:
        """A listener has one address, and no other of the same process or deployment has that."""
        alone = [_Place(("listeners", index), "listeners", each) for index, each in enumerate(self.config.listeners)]
        deployed = [
            _Place(("processes", name, "listeners", index), f"processes.{name}", each, process.replicas)
            for name, process in self.config.processes.items()
            for index, each in enumerate(process.listeners)
        ]
        yield from self._collisions(alone)
        yield from self._collisions(deployed)

    def _collisions(self, listeners: list[_Place]) -> Iterator[Problem]:
        for index, one in enumerate(listeners):
            for key in ("bind", "port"):
                if one.listener.socket is not None and (*one.where, key) in self.places:
                    message = f"a listener at a socket has no {key}"
                    yield self.problem((*one.where, key), message, f"leave out {key}, or write a listener of its own")
            if one.ports.stop > 65536:
                message = f"replica {one.replicas} of {one.name} would have port {one.ports.stop - 1}"
                yield self.problem(one.where, message, "choose a lower port")
            for other in listeners[:index]:
                if shared := one.shared_ports(other):
                    message = f"port {shared[0]} of {one.name} is also that of {other.name}"
                    yield self.problem(one.where, message, "choose ports that are further apart")
                for socket in sorted(one.sockets & other.sockets):
                    message = f"the socket {socket} of {one.name} is also that of {other.name}"
                    yield self.problem(one.where, message, "choose another file")

    def several_processes(self) -> Iterator[Problem]:
        """What processes that share a deployment need, so that they can find each other and their data."""
        several = sum(process.replicas for process in self.config.processes.values()) > 1
        if several and self.config.database.url.startswith("sqlite:"):
            yield self.problem(("database", "url"), "several processes cannot share SQLite", "use postgresql://...")
        if several and self.config.redis.url is None:
            yield self.problem(("redis",), "several processes need Redis", "set redis.url, or run one process")
        if self.config.cluster.secret is None and (several or self.config.redis.url is not None):
            yield self.problem(
                ("cluster",), "several processes need a secret to trust each other", "set cluster.secret_file"
            )

    def names_of_replicas(self) -> Iterator[Problem]:
        """In the logs, in `hs status` and under `hs up` a process is known by its name."""
        owners: dict[str, str] = {}
        for name, process in self.config.processes.items():
            for index in range(process.replicas):
                called = process.name_of_replica(name, index)
                if owners.setdefault(called, name) != name:
                    message = f"a replica of {owners[called]} and one of {name} would both be called {called!r}"
                    yield self.problem(("processes", name), message, "give one of them another name")

    def secrets(self) -> Iterator[Problem]:
        """The processes' secret goes into a header of each request between them."""
        for key in ("secret", "previous_secret"):
            secret = getattr(self.config.cluster, key)
            if secret is not None and not (
                secret.isascii() and secret.isprintable() and secret.strip() == secret != ""
            ):
                message = f"cluster.{key} is not one line of plain characters"
                remedy = "write a new one, such as `openssl rand -hex 32` prints"
                yield self.problem(("cluster", key), message, remedy)

    def cluster_address(self) -> Iterator[Problem]:
        """What the other processes are told must be an address at which they find this one."""
        if self.config.cluster.bind in ANY_ADDRESS:
            message = f"at {self.config.cluster.bind!r} other hosts find nobody"
            yield self.problem(("cluster", "bind"), message, "write the address of this host, such as 10.0.0.5")

    def budgets(self) -> Iterator[Problem]:
        """What each process needs at the least."""
        processes, connections, memory = self.config.replicas, self.config.database.max_connections, self.config.memory
        if connections < _LEAST_CONNECTIONS * (processes + 1):
            yield self.problem(
                ("database", "max_connections"),
                f"{connections} connections are too few for {processes} processes and one that starts",
                f"allow {_LEAST_CONNECTIONS * (processes + 1)} or more",
            )
        if memory.limit is not None and memory.limit < _LEAST_MEMORY * processes:
            yield self.problem(
                ("memory", "limit"),
                f"that leaves less than {_LEAST_MEMORY >> 20}M for each of {processes} processes",
                f"allow {_LEAST_MEMORY * processes >> 20}M or more",
            )


def check(config: Config, places: Mapping[Where, tuple[str, int]], plugins: frozenset[str]) -> Iterator[Problem]:
    """Every problem that is only seen when the whole is looked at."""
    rules = _Rules(config, places, plugins)
    for rule in (
        rules.names,
        rules.database,
        rules.recaptcha,
        rules.process_plugins,
        rules.stream_writers,
        rules.addresses,
        rules.several_processes,
        rules.names_of_replicas,
        rules.cluster_address,
        rules.secrets,
        rules.budgets,
    ):
        yield from rule()
