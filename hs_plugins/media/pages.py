"""What a page says of itself, found in a process of its own: pages come from strangers, and parsers have faults.

The only module that knows the HTML parser. Run as `python -P -m hs_plugins.media.pages URL [CHARSET]` with a page as
its input; prints one line of JSON: properties of the Open Graph protocol, as far as there are any.
"""

from __future__ import annotations

import codecs
import json
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Final
from urllib.parse import urljoin

from lxml import html

from hs_plugins.media.bounds import bound_this_process

CPU_SECONDS: Final = 5
MEMORY: Final = 512 << 20
MAX_VALUE: Final = 1000
"""Characters."""
MAX_PROPERTIES: Final = 50
LINKS: Final = {"og:image", "og:url", "og:video", "og:audio"}
"""What may be said relative to the page."""
_PROPERTY = re.compile(r"og:[a-z0-9_:.-]{1,60}")
_SPACE = re.compile(r"\s+")


def main() -> None:
    url, *charset = sys.argv[1:]
    bound_this_process(cpu_seconds=CPU_SECONDS, memory=MEMORY)
    said: dict[str, str] = {}
    with suppress(Exception):  # the parser raises whatever it likes, and all of it means that there is nothing to tell
        said = properties(sys.stdin.buffer.read(), url, charset[0] if charset else None)
    print(json.dumps(said))  # noqa: T201, this is how the server is told


def properties(page: bytes, url: str, charset: str | None = None) -> dict[str, str]:
    """What the page says in `meta` elements; for want of a title or description, what it says otherwise."""
    tree = html.document_fromstring(page, parser=html.HTMLParser(encoding=_encoding(page, charset), huge_tree=False))
    found: dict[str, str] = {}
    for name, value in _metas(tree):
        if _PROPERTY.fullmatch(name) and name not in found and len(found) < MAX_PROPERTIES:
            found[name] = urljoin(url, value) if name in LINKS else value
    if "og:title" not in found and (title := _text(tree.findtext(".//title"))):
        found["og:title"] = title
    described = next((value for name, value in _metas(tree) if name == "description"), None)
    if "og:description" not in found and described:
        found["og:description"] = described
    return found


def _metas(tree: html.HtmlElement) -> Iterator[tuple[str, str]]:
    for meta in tree.iter("meta"):
        name = (meta.get("property") or meta.get("name") or "").strip().lower()
        if name and (value := _text(meta.get("content"))):
            yield name, value


def _text(value: str | None) -> str:
    return _SPACE.sub(" ", value or "").strip()[:MAX_VALUE].replace("\0", "")


def _encoding(page: bytes, charset: str | None) -> str | None:
    """What the server says; else UTF-8, if it is that; else what the page says, which the parser knows."""
    with suppress(LookupError):
        return codecs.lookup(charset).name if charset else _utf8(page)
    return _utf8(page)


def _utf8(page: bytes) -> str | None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(page)  # its end may be in the middle of a character
    except UnicodeDecodeError:
        return None
    return "utf-8"


if __name__ == "__main__":
    main()
