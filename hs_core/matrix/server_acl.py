"""Server access control lists (client-server API, "Server Access Control Lists (ACLs) for rooms")."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from hs_core.matrix.globs import Glob
from hs_core.matrix.identifiers import ServerName

_LONGEST_HOST: Final = 255
"""No host is longer ("Server Name"), so a pattern with more characters than that is of no use to anybody."""

_REMEMBERED: Final = 1024
"""How many hosts an ACL remembers its answer for, so that a list of thousands of globs is not walked for each event."""

_IPV4: Final = re.compile(r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}")
"""By the grammar of server names, which lets numbers begin with zeros, as many resolvers do."""


class _Patterns:
    """A list of globs, sorted by how they are looked up: most are the name of a host or `*.` and a domain."""

    __slots__ = ("_domains", "_everything", "_globs", "_hosts")

    def __init__(self, patterns: Iterable[str]) -> None:
        self._everything = False
        self._hosts: set[str] = set()
        self._domains: set[str] = set()
        self._globs: list[Glob] = []
        for pattern in set(patterns):
            self._add(pattern.lower())

    def _add(self, pattern: str) -> None:
        if not pattern.strip("*"):
            self._everything = self._everything or bool(pattern)
        elif "*" not in pattern and "?" not in pattern:
            self._hosts.add(pattern)
        elif pattern.startswith("*.") and not any(c in pattern[2:] for c in "*?"):
            self._domains.add(pattern[1:])
        else:
            glob = Glob(pattern)
            if glob.least_length <= _LONGEST_HOST:
                self._globs.append(glob)

    def match(self, host: str) -> bool:
        if self._everything or host in self._hosts:
            return True
        if self._domains and any(domain in self._domains for domain in _domains_of(host)):
            return True
        return any(glob.matches(host) for glob in self._globs)


@dataclass(frozen=True, slots=True)
class ServerAcl:
    """The servers that may participate in a room, compiled once from the content of its `m.room.server_acl`."""

    allow_ip_literals: bool
    _allowed: _Patterns
    _denied: _Patterns
    _answers: dict[str, bool] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_content(cls, content: Mapping[str, Any] | None) -> Self | None:
        """The list that `content` defines; `None` when the room's state has none, which allows everybody.

        Anything malformed counts as missing: `allow_ip_literals` "defaults to `true` if missing or otherwise not a
        boolean"; lists that are none, and entries that are no strings, match no server.
        """
        if content is None:
            return None
        return cls(
            allow_ip_literals=content.get("allow_ip_literals") is not False,
            _allowed=_Patterns(_strings(content.get("allow"))),
            _denied=_Patterns(_strings(content.get("deny"))),
        )

    def allows(self, server_name: ServerName) -> bool:
        """Whether that server may participate. "The suspect server's port number must not be considered."""
        host = host_of(server_name).lower()
        answer = self._answers.get(host)
        if answer is None:
            if len(self._answers) >= _REMEMBERED:
                self._answers.clear()
            answer = self._answers[host] = self._decide(host)
        return answer

    def _decide(self, host: str) -> bool:
        # "If the server name is an IP address literal, and `allow_ip_literals` is present and `false`, deny."
        if not self.allow_ip_literals and is_ip_literal(host):
            return False
        # "If the server name matches an entry in the `deny` list, deny."
        if self._denied.match(host):
            return False
        # "If the server name matches an entry in the `allow` list, allow. Otherwise, deny."
        return self._allowed.match(host)


def host_of(server_name: str) -> str:
    """A server name without its port; IPv6 addresses keep their brackets."""
    host, colon, port = server_name.rpartition(":")
    return host if colon and port.isdecimal() and not (host.startswith("[") and not host.endswith("]")) else server_name


def is_ip_literal(server_name: str) -> bool:
    """Whether a server is named by an IP address, with or without a port."""
    host = host_of(server_name)
    return host.startswith("[") or _IPV4.fullmatch(host) is not None


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list | tuple) else []


def _domains_of(host: str) -> Iterator[str]:
    """`.b.c` and `.c` for `a.b.c`: what may stand after the `*` of `*.b.c`."""
    dot = host.find(".")
    while dot >= 0:
        yield host[dot:]
        dot = host.find(".", dot + 1)
