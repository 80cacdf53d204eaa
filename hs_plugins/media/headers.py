"""How a file is presented to browsers: its type, its name, and whether they may show it. Pure.

Content repository, "Serving inline content" and the headers of `/download`.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

UNKNOWN_TYPE: Final = "application/octet-stream"
""" "Defaults to `application/octet-stream` if it is not set." """
MAX_TYPE: Final = 255

SHOWN_INLINE: Final = frozenset(
    {
        "text/css", "text/plain", "text/csv", "application/json", "application/ld+json", "image/jpeg", "image/gif",
        "image/png", "image/apng", "image/webp", "image/avif", "video/mp4", "video/webm", "video/ogg",
        "video/quicktime", "audio/mp4", "audio/webm", "audio/aac", "audio/mpeg", "audio/ogg", "audio/wave",
        "audio/wav", "audio/x-wav", "audio/x-pn-wav", "audio/flac", "audio/x-flac",
    }
)  # fmt: skip
""" "Servers SHOULD restrict `Content-Type` headers to one of the following values when serving content with
`Content-Disposition: inline`"
"""

PROTECTIVE: Final[dict[str, str]] = {
    "content-security-policy": "sandbox; default-src 'none'; script-src 'none'; plugin-types application/pdf; "
    "style-src 'unsafe-inline'; object-src 'self';",
    "cross-origin-resource-policy": "cross-origin",
    "x-content-type-options": "nosniff",
}
""" "The recommended policy"; what lets web clients embed it; and that a type is not to be guessed."""

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_CONTENT_TYPE = re.compile(rf"{_TOKEN}/{_TOKEN}(?: *;[ -~]*)?")
_SAFE_IN_NAME: Final = "!#$&+-.^_`|~"
"""What RFC 5987 leaves as it is (`attr-char`), besides letters and digits."""


def parse_content_type(given: str | None) -> str:
    """The type that an upload says it has; the unknown one if it says nothing that could be a type."""
    given = (given or "").strip()
    return given if len(given) <= MAX_TYPE and _CONTENT_TYPE.fullmatch(given) else UNKNOWN_TYPE


def content_disposition(content_type: str, filename: str | None) -> str:
    """What a browser shows by itself, and what it offers to save; under which name."""
    essence = content_type.partition(";")[0].strip().lower()
    kind = "inline" if essence in SHOWN_INLINE else "attachment"
    if not filename:
        return kind
    if filename.isascii() and filename.isprintable():
        escaped = filename.replace("\\", "\\\\").replace('"', '\\"')
        return f'{kind}; filename="{escaped}"'
    return f"{kind}; filename*=utf-8''{quote(filename, safe=_SAFE_IN_NAME)}"
