"""A file as a response: in parts as they are read, whole or the part that was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hs_core.errors import MatrixError
from hs_core.http.request import Request
from hs_plugins.media.folder import OpenFile
from hs_plugins.media.headers import PROTECTIVE, content_disposition
from hs_plugins.media.ranges import Span, Unsatisfiable, parse_range
from hs_plugins.media.values import Stored

_FOREVER: Final = "max-age=31536000, immutable"
"""What is at a URI never changes."""


class FileContent(Response):
    """Its body. The file is closed once it is sent, or when nobody waits for it any more."""

    def __init__(self, file: OpenFile, span: Span, status: int, headers: Mapping[str, str]) -> None:
        self.status_code = status
        self.background = None
        self.raw_headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        self._file = file
        self._span = span

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if scope["method"] != "HEAD":
                async for part in self._file.read(*self._span):
                    await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._file.close()


def file_response(request: Request, stored: Stored, file: OpenFile, *, public: bool) -> Response:
    """The answer to a request for a file. `public`: whether caches that are not the client's own may keep it.

    Raises MatrixError: 416, the file has no such part.
    """
    etag = f'"{stored.file_id}"'
    headers = {
        "content-type": stored.content_type,
        "content-disposition": content_disposition(stored.content_type, stored.filename),
        "etag": etag,
        "cache-control": f"{'public' if public else 'private'}, {_FOREVER}",
        "accept-ranges": "bytes",
        **PROTECTIVE,
    }
    if _names(request.header(b"if-none-match"), etag):
        file.close()
        return Response(status_code=304, headers=headers)
    try:
        span = parse_range(request.header(b"range"), file.size)
    except Unsatisfiable:
        file.close()
        unsatisfied = {"Content-Range": f"bytes */{file.size}"}
        raise MatrixError(416, "M_UNKNOWN", "The file has no such part", headers=unsatisfied) from None
    if span is None or request.header(b"if-range") not in {None, etag}:
        return FileContent(file, Span(0, file.size), 200, headers | {"content-length": str(file.size)})
    told = {"content-length": str(span.size), "content-range": f"bytes {span.first}-{span.end - 1}/{file.size}"}
    return FileContent(file, span, 206, headers | told)


def _names(if_none_match: str | None, etag: str) -> bool:
    return if_none_match is not None and etag in {each.strip() for each in if_none_match.split(",")}
