"""Values that people write with a unit, and values that nobody should read in a log."""

import re
from datetime import timedelta
from typing import Final

_SIZE = re.compile(r"(?P<number>\d{1,15})\s*(?P<unit>[KMGT]?)(?:i?B)?", re.IGNORECASE)
_SIZE_UNITS: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}

_DURATION = re.compile(r"(?P<number>\d{1,12})\s*(?P<unit>ms|[smhdwy])")
_DURATION_UNITS: Final = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "y": timedelta(days=365),
}


class Secret(str):
    """A password, key or token. Its text is the secret; what a debugger, a log or a traceback shows is not.

    A setting `x` of this type may also be written `x_file`: then the file's content, without the space around it, is
    the secret.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret(...)"


class Size(int):
    """A number of bytes, written `200K`, `50M` or `2G`; a unit is a power of 1024."""

    __slots__ = ()


def parse_size(text: str) -> Size:
    """`50M` is 52428800 bytes; without a letter, the number is bytes. Raises ValueError."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a size")
    return Size(int(match["number"]) * _SIZE_UNITS[match["unit"].upper()])


def parse_duration(text: str) -> timedelta:
    """`5s`, `10m`, `1h30m`: numbers with ms, s, m, h, d, w or y, added up. Raises ValueError."""
    total, at = timedelta(), 0
    text = text.strip()
    try:
        while match := _DURATION.match(text, at):
            total += int(match["number"]) * _DURATION_UNITS[match["unit"]]
            at = match.end()
    except OverflowError:
        raise ValueError(f"{text!r} is longer than any duration can be") from None
    if not at or at < len(text):
        raise ValueError(f"{text!r} is not a duration")
    return total
