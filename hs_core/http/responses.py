"""What handlers return, and how it is sent: CORS on everything, gzip where it is worth it."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import msgspec
import orjson
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from hs_core.errors import MatrixError
from hs_core.matrix.canonical_json import encode_json

Header = tuple[bytes, bytes]

# "The recommended CORS headers to be returned by servers on all requests"
CORS: Final[list[Header]] = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS"),
    (b"access-control-allow-headers", b"X-Requested-With, Content-Type, Authorization"),
]
JSON: Final[Header] = (b"content-type", b"application/json")
GZIP: Final[list[Header]] = [(b"content-encoding", b"gzip"), (b"vary", b"accept-encoding")]

WORTH_COMPRESSING: Final = 4 * 1024
"""Bytes; below it the time of a round trip does not notice."""
LARGE: Final = 32 * 1024
"""Bytes; more is compressed in a thread, lest other requests wait for it."""


class JsonResponse(Response):
    """JSON that is already written. It can be kept and returned again."""

    media_type = "application/json"

    def __init__(self, body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self.status_code = status
        self.background = None
        self.body = body
        self.raw_headers = [JSON, (b"content-length", b"%d" % len(body))]
        if headers:
            self.raw_headers += [(name.lower().encode("latin-1"), v.encode("latin-1")) for name, v in headers.items()]


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> JsonResponse:
    """A value as JSON (structs are written by msgspec's rules, `orjson.Fragment` as it is); bytes are JSON already."""
    return JsonResponse(value if isinstance(value, bytes) else encode_json(value, msgspec.to_builtins), status, headers)


_EMPTY: Final = JsonResponse(b"{}")


def empty() -> JsonResponse:
    """ "An empty JSON object" is what many endpoints answer."""
    return _EMPTY


def error_response(error: MatrixError, request_id: str | None = None) -> JsonResponse:
    """The standard error response; what is the server's fault can be found in its log by the request ID."""
    headers = dict(error.headers or {})
    if error.status >= 500 and request_id is not None:
        headers["X-Request-Id"] = request_id
    return JsonResponse(orjson.dumps(error.body()), error.status, headers)


class JsonStream(Response):
    """JSON that is sent in parts, as they are made: for what is too large to be held whole.

    The first part is made before the status is sent, so that an error until then is still answered as one.
    """

    media_type = "application/json"

    def __init__(self, parts: AsyncIterator[bytes], status: int = 200) -> None:
        self.status_code = status
        self.background = None
        self.parts = parts
        self.body = b""
        """The first part, once begun."""
        self.raw_headers = [JSON]

    async def begin(self) -> None:
        self.body = await anext(self.parts, b"")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.begin()
        await self.send(send, gzip=False)

    async def send(self, send: Send, *, gzip: bool) -> None:
        """What has begun."""
        first = bytes(self.body)
        compressor = zlib.compressobj(level=1, wbits=31) if gzip else None
        headers = [*self.raw_headers, *CORS, *(GZIP if gzip else ())]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        await send(_part(first if compressor is None else await _compress(compressor, first)))
        async for part in self.parts:
            await send(_part(part if compressor is None else await _compress(compressor, part)))
        await send({"type": "http.response.body", "body": b"" if compressor is None else compressor.flush()})


async def send_response(response: Response, scope: Scope, receive: Receive, send: Send, accepted: bytes) -> None:
    """Send what a handler returned. `accepted` is the request's Accept-Encoding."""
    if isinstance(response, JsonStream):
        await response.send(send, gzip=b"gzip" in accepted)
    elif isinstance(response, JsonResponse):
        await _send_whole(response, send, accepted)
    else:
        await response(scope, receive, _with_cors(send))


async def _send_whole(response: JsonResponse, send: Send, accepted: bytes) -> None:
    body, headers = bytes(response.body), response.raw_headers + CORS
    if len(body) >= WORTH_COMPRESSING and b"gzip" in accepted:
        body = await _compress(zlib.compressobj(level=1, wbits=31), body, last=True)
        headers = [header for header in headers if header[0] != b"content-length"]
        headers += [(b"content-length", b"%d" % len(body)), *GZIP]
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _compress(compressor: zlib._Compress, data: bytes, *, last: bool = False) -> bytes:
    """Off the event loop if it takes long: zlib lets other threads run."""

    def compress() -> bytes:
        return compressor.compress(data) + (compressor.flush() if last else b"")

    return await asyncio.to_thread(compress) if len(data) > LARGE else compress()


def _part(body: bytes) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": True}


def _with_cors(send: Send) -> Send:
    async def send_with_cors(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = {name for name, _ in message["headers"]}
            added = [header for header in CORS if header[0] not in own]
            message = {**message, "headers": [*message["headers"], *added]}
        await send(message)

    return send_with_cors


PREFLIGHT: Final[list[Message]] = [
    {
        "type": "http.response.start",
        "status": 200,
        "headers": [JSON, (b"content-length", b"2"), (b"access-control-max-age", b"86400"), *CORS],
    },
    {"type": "http.response.body", "body": b"{}"},
]
"""The answer to every OPTIONS request: "the server MUST NOT perform any logic defined for the endpoints"."""
