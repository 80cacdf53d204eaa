"""What a process says of itself to `hs status`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from hs_core.memory import resident_memory

if TYPE_CHECKING:
    from hs_core.core import Core

REPORT = "status"
"""Where the internal listener has it."""


class Followed(msgspec.Struct, frozen=True):
    """A stream that the process follows."""

    position: int
    """Delivered up to here."""
    lag: int
    """Positions known of and not delivered yet."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """How a process is at this moment. Fields are only added, with defaults: processes of two versions may be asked."""

    reasons: list[str] = []
    """Why it is not ready; nothing, if it is."""
    followed: dict[str, Followed] = {}
    memory: int | None = None
    """Bytes that it has in memory."""
    connections: int = 0
    """To the database."""


def report(core: Core, reasons: Callable[[], Sequence[str]]) -> Report:
    """What this process says."""
    return Report(
        reasons=list(reasons()),
        followed={each.stream.name: Followed(each.position, each.lag) for each in core.streams.followers},
        memory=resident_memory(),
        connections=core.db.connections,
    )
