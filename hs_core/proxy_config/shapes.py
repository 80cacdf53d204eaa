"""Paths of routes, compared: which comes first, and which have requests in common."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hs_core.http.routes import Claim, Literal, Segment, Tail, Wildcard, expand

_NAMED: Final = re.compile(r"\(\?P<\w+>([^()]*)\)")


@dataclass(frozen=True, slots=True)
class Shape:
    """The paths that a route answers."""

    variants: tuple[tuple[Segment, ...], ...]
    """One for each choice among its alternatives."""
    rank: tuple[int, ...]
    """Of two routes that answer the same path, the one with the lesser rank is meant (see `RouteTable.find`)."""

    @classmethod
    def of(cls, claim: Claim) -> Shape:
        """Raises BadRoute."""
        variants = tuple(tuple(segments) for segments in expand(claim))
        return cls(variants, min(tuple(map(_generality, segments)) for segments in variants))

    def meets(self, other: Shape) -> bool:
        """Whether both answer some path."""
        return any(_meet(one, two) for one in self.variants for two in other.variants)


def _generality(segment: Segment) -> int:
    if isinstance(segment, Literal):
        return 0
    if isinstance(segment, Wildcard):
        return 2 if segment.may_be_empty else 1
    return 3


def _meet(one: Sequence[Segment], two: Sequence[Segment]) -> bool:
    for left, right in zip(one, two, strict=False):
        if isinstance(left, Tail) or isinstance(right, Tail):
            return True
        if isinstance(left, Literal) and isinstance(right, Literal) and left.text != right.text:
            return False
    return len(one) == len(two)


def unnamed(path: str) -> str:
    """A declared path as a plain regular expression: names mean nothing to a proxy, or mean something else."""
    return _NAMED.sub(lambda match: f"(?:{match[1]})" if _is_choice(match[1]) else match[1], path)


def _is_choice(pattern: str) -> bool:
    return pattern not in {"[^/]+", "[^/]*", ".*"}


def up_to_part(path: str, part: str) -> str | None:
    """A regular expression whose one group is the wildcard of `path` whose name begins with `part`, if it has one."""
    match = re.search(rf"\(\?P<{part}\w*>\[\^/\][+*]\)", path)
    return None if match is None else f"{unnamed(path[: match.start()])}([^/]+)"
