"""Deployments to compare, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_REST: Final = {"plugins": ["*"], "except": ["client", "sync", "rooms"]}


@dataclass(frozen=True)
class Layout:
    """`processes` as in the configuration; clients talk to the one that is the `door`."""

    processes: Mapping[str, Mapping[str, Any]]
    door: str


def _cluster(rooms: int, syncs: int) -> Layout:
    return Layout(
        {
            "edge": {"plugins": ["client"]},
            "sync": {"plugins": ["sync"], "replicas": syncs},
            "rooms": {"plugins": ["rooms"], "replicas": rooms},
            "rest": _REST,
        },
        "edge",
    )


LAYOUTS: Final[Mapping[str, Layout]] = {
    "one": Layout({"one": {"plugins": ["*"]}}, "one"),
    "cluster": _cluster(rooms=2, syncs=1),
    "half-the-rooms": _cluster(rooms=1, syncs=1),
    "twice-the-rooms": _cluster(rooms=4, syncs=1),
    "twice-the-syncs": _cluster(rooms=2, syncs=2),
}
