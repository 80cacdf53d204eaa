"""Which plugin's route answers a method and a path. Pure: compiled once from the declarations, then only read.

Finding a route costs as much as its path has segments, however many routes there are. Paths are matched as they came
over the wire, split at their slashes, and each segment is decoded after that, so that an encoded slash in a room alias
stays within its segment. A trailing slash makes another path, whose last segment is empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from urllib.parse import unquote_to_bytes

from hs_core.errors import InvalidParam, Unrecognized
from hs_core.plugin.declaration import Plugin, Route


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """A route and the plugin that declares it."""

    plugin: str
    route: Route


@dataclass(frozen=True, slots=True)
class Match:
    """The route of a request. `params` are the decoded values of the path's named parts."""

    claim: Claim
    params: Mapping[str, str]


class BadRoute(ValueError):
    """A declared path that is not of the form that `Route.path` documents; the message names plugin and path."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A segment that is spelled out; with a name it is one alternative of a named part."""

    text: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Wildcard:
    """A segment that may be anything."""

    name: str
    may_be_empty: bool


@dataclass(frozen=True, slots=True)
class Tail:
    """All that follows, slashes too."""

    name: str


Segment = Literal | Wildcard | Tail


@dataclass(slots=True)
class _Leaf:
    """Where a claim's path ends: which of the request's segments are its parameters, and where its tail begins."""

    claim: Claim
    names: list[tuple[str, int]]
    tail: tuple[str, int] | None

    def params(self, segments: Sequence[str]) -> dict[str, str]:
        params = {name: segments[index] for name, index in self.names}
        if self.tail is not None:
            params[self.tail[0]] = "/".join(segments[self.tail[1] :])
        return params


@dataclass(slots=True)
class _Node:
    literals: dict[str, _Node] = field(default_factory=dict)
    filled: _Node | None = None
    """For a wildcard that needs at least one character."""
    any: _Node | None = None
    """For a wildcard that may be empty."""
    ends: dict[str, _Leaf] = field(default_factory=dict)
    """By method."""
    tails: dict[str, _Leaf] = field(default_factory=dict)

    def child(self, segment: Literal | Wildcard) -> _Node:
        if isinstance(segment, Literal):
            return self.literals.setdefault(segment.text, _Node())
        if segment.may_be_empty:
            self.any = self.any or _Node()
            return self.any
        self.filled = self.filled or _Node()
        return self.filled


class RouteTable:
    """The compiled routes of many plugins.

    Raises:
        BadRoute: a path that cannot be compiled, or one URL claimed twice (`overlaps` tells of all of them).
    """

    def __init__(self, claims: Iterable[Claim]) -> None:
        self._root = _Node()
        self._literal: dict[tuple[str, bytes], Match] = {}
        for claim in claims:
            for segments in expand(claim):
                if (other := self._add(claim, segments)) is not None:
                    raise BadRoute(f"{_spell(claim)} and {_spell(other)} claim the same URL")

    def find(self, method: str, raw_path: bytes) -> Match:
        """The route for a method and a path as it came, still percent-encoded. HEAD is answered by the route for GET.

        Where several fit, the first segment in which they differ decides: a literal comes before a wildcard, and both
        before the rest of a path.

        Raises:
            Unrecognized: 404 if no route has such a path, 405 if only other methods do.
            InvalidParam: the path is not UTF-8, or has a NUL.
        """
        method = "GET" if method == "HEAD" else method
        literal = self._literal.get((method, raw_path))
        if literal is not None:
            return literal
        segments = split_path(raw_path)
        allowed: set[str] = set()
        leaf = _descend(self._root, segments, 0, method, allowed)
        if leaf is not None:
            return Match(leaf.claim, leaf.params(segments))
        if allowed:
            message = f"{method} is not a method of this endpoint"
            raise Unrecognized(message, status=405, headers={"Allow": ", ".join(sorted(allowed))})
        raise Unrecognized

    def _add(self, claim: Claim, segments: Sequence[Segment]) -> Claim | None:
        """Returns the claim that already has this URL, if there is one."""
        node, names, tail = self._root, [], None
        for index, segment in enumerate(segments):
            if isinstance(segment, Tail):
                tail = (segment.name, index)
                break
            node = node.child(segment)
            if segment.name is not None:
                names.append((segment.name, index))
        leaf = _Leaf(claim, names, tail)
        there = (node.ends if tail is None else node.tails).setdefault(claim.route.method, leaf)
        if there is not leaf:
            return there.claim
        texts = [segment.text for segment in segments if isinstance(segment, Literal)]
        if not names and len(texts) == len(segments):
            self._literal[claim.route.method, ("/" + "/".join(texts)).encode()] = Match(claim, {})
        return None


def claims_of(plugins: Iterable[Plugin]) -> list[Claim]:
    return [Claim(plugin.name, route) for plugin in plugins for route in plugin.routes]


def overlaps(claims: Iterable[Claim]) -> list[tuple[Claim, Claim]]:
    """The pairs of routes that claim one method and URL with the same right. A literal beside a wildcard is no overlap.

    Raises BadRoute for a path that cannot be compiled.
    """
    table = RouteTable(())
    found: dict[tuple[int, int], tuple[Claim, Claim]] = {}
    for claim in claims:
        for segments in expand(claim):
            other = table._add(claim, segments)
            if other is not None:
                found[id(other), id(claim)] = (other, claim)
    return list(found.values())


def split_path(raw_path: bytes) -> list[str]:
    """The decoded segments of a path. Raises InvalidParam if it is not UTF-8 or has a NUL, which no database stores."""
    try:
        path = raw_path.decode()
        segments = path.split("/")[1:]
        if "%" in path:
            segments = [unquote_to_bytes(text).decode() if "%" in text else text for text in segments]
    except UnicodeDecodeError:
        raise InvalidParam("The path is not UTF-8") from None
    if "%00" in path or "\0" in path:
        raise InvalidParam("The path has a NUL")
    return segments


def _descend(node: _Node, segments: list[str], depth: int, method: str, allowed: set[str]) -> _Leaf | None:
    """Depth first, the more particular child first; `allowed` collects the methods of paths that fit."""
    if depth == len(segments):
        allowed.update(node.ends)
        return node.ends.get(method)
    segment = segments[depth]
    child = node.literals.get(segment)
    leaf = None if child is None else _descend(child, segments, depth + 1, method, allowed)
    if leaf is None and segment and node.filled is not None:
        leaf = _descend(node.filled, segments, depth + 1, method, allowed)
    if leaf is None and node.any is not None:
        leaf = _descend(node.any, segments, depth + 1, method, allowed)
    if leaf is None and node.tails:
        allowed.update(node.tails)
        leaf = node.tails.get(method)
    return leaf


_ALTERNATIVES = re.compile(r"\(\?:([^()]*)\)")
_SEGMENT = re.compile(r"/(?:\(\?P<(?P<name>\w+)>(?P<pattern>[^()]*)\)|(?P<literal>(?:\\[^\w\s]|[\w~%!&',;=:@-])*))")
_ESCAPED = re.compile(r"\\(.)")
_PLAIN = re.compile(r"(?:\\[^\w\s]|[\w~%!&',;=:@-])+")


def expand(claim: Claim) -> Iterator[list[Segment]]:
    """Every path that a claim's alternatives stand for, as segments. Raises BadRoute."""
    parts = _ALTERNATIVES.split(claim.route.path)
    choices = [part.split("|") if index % 2 else [part] for index, part in enumerate(parts)]
    for choice in product(*choices):
        yield from _read(claim, "".join(choice))


def _read(claim: Claim, path: str) -> Iterator[list[Segment]]:
    """A path without alternatives that span segments; those within one named segment are told apart here."""
    segments: list[list[Segment]] = []
    position = 0
    while position < len(path):
        match = _SEGMENT.match(path, position)
        if match is None:
            raise BadRoute(f"{_spell(claim)}: cannot read {path[position:]!r} (a literal dot is written '\\.')")
        if segments and isinstance(segments[-1][0], Tail):
            raise BadRoute(f"{_spell(claim)}: nothing can follow the rest of a path")
        segments.append(_segment(claim, match))
        position = match.end()
    if not segments:
        raise BadRoute(f"{_spell(claim)}: the path is empty")
    for choice in product(*segments):
        yield list(choice)


def _segment(claim: Claim, match: re.Match[str]) -> list[Segment]:
    """The alternatives for one segment."""
    name, pattern = match["name"], match["pattern"]
    if name is None:
        return [Literal(_ESCAPED.sub(r"\1", match["literal"]))]
    if pattern in {"[^/]+", "[^/]*"}:
        return [Wildcard(name, may_be_empty=pattern.endswith("*"))]
    if pattern == ".*":
        return [Tail(name)]
    texts = pattern.split("|")
    if not all(_PLAIN.fullmatch(text) for text in texts):
        raise BadRoute(f"{_spell(claim)}: {name!r} can be [^/]+, [^/]*, .* or a choice of literals, not {pattern!r}")
    return [Literal(_ESCAPED.sub(r"\1", text), name) for text in texts]


def _spell(claim: Claim) -> str:
    return f"plugin {claim.plugin!r}, {claim.route.method} {claim.route.path}"


_NAMED = re.compile(r"\(\?P<(\w+)>[^()]*\)")


def template(path: str) -> str:
    """A route's path as people write it, for logs and metrics: `/rooms/{room_id}/state`."""
    return _ESCAPED.sub(r"\1", _NAMED.sub(r"{\1}", path)).replace("(?:", "(")
