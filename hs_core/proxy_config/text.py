"""What the configurations of all proxies say alike."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import indent
from typing import Final

CONNECT_SECONDS: Final = 5
READ_SECONDS: Final = 600
"""How long an answer may take: a long poll, a large room to join, a slow download."""

KEEP_ALIVE_SECONDS: Final = 60
"""Less than processes keep idle connections, so that the proxy never uses one that is just being closed."""

TOKEN: Final = "hst_([A-Za-z0-9_-]*)_[A-Za-z0-9]+_[0-9a-f]{8}"
"""An access token; its group is the user's localpart, in base64url."""

ORIGIN: Final = r"^X-Matrix\s.*\borigin=[^A-Za-z0-9\[]?([A-Za-z0-9.:\[\]-]+)"
"""The `Authorization` of another server, case-insensitive; its group is the server's name."""


def _error(errcode: str, text: str) -> str:
    return f'{{"errcode":"{errcode}","error":"{text}"}}'


ERRORS: Final = (
    ((404,), 404, _error("M_UNRECOGNIZED", "Unrecognized request")),
    ((413,), 413, _error("M_TOO_LARGE", "The request is too large")),
    ((502, 503, 504), 502, _error("M_UNKNOWN", "The server cannot be reached at the moment")),
)
"""The proxy's own answers: for which statuses, with which status, which body."""

NOT_FOUND, TOO_LARGE, UNREACHABLE = (body for _, _, body in ERRORS)


def heading(proxy: str, notes: Iterable[str]) -> str:
    """The first lines of a file, as comments."""
    lines = [
        f"Written by `hs proxy-config {proxy}`. Write it again when plugins or processes change.",
        "Every process answers every request: this only saves the way from one to another.",
        *(f"NOTE: {note}" for note in notes),
    ]
    return "".join(f"# {line}\n" for line in lines)


def indented(text: str) -> str:
    """One level deeper."""
    return indent(text, "    ")
