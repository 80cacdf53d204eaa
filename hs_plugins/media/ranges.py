"""Which part of a file a request asks for (RFC 9110, "Range Requests"). Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

_RANGE = re.compile(r"bytes *= *(?P<first>[0-9]{0,18})-(?P<last>[0-9]{0,18})", re.ASCII)


class Span(NamedTuple):
    """Bytes of a file, from `first` up to but not including `end`."""

    first: int
    end: int

    @property
    def size(self) -> int:
        return self.end - self.first


class Unsatisfiable(ValueError):
    """The file has no such part: 416."""


def parse_range(header: str | None, size: int) -> Span | None:
    """The part of a file of `size` bytes; `None` for the whole, which is right as well for what we do not understand.

    Several parts at once are not understood. Raises Unsatisfiable.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or not (match["first"] or match["last"]):
        return None
    if not match["first"]:
        first, end = max(0, size - int(match["last"])), size
    else:
        first = int(match["first"])
        end = min(size, int(match["last"]) + 1) if match["last"] else size
        if match["last"] and int(match["last"]) < first:
            return None  # "invalid", and so as if there was none
    if first >= end:
        raise Unsatisfiable
    return Span(first, end)
