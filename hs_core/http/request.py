"""What a handler is given: who asks, the typed parts of the URL, a bounded body."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from functools import cache
from typing import Any, Final, TypeVar, overload
from urllib.parse import parse_qsl

import msgspec
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from hs_core.errors import BadJson, InvalidParam, MatrixError, MissingParam, MissingToken, NotJson, TooLarge
from hs_core.http.requester import Requester
from hs_core.matrix.canonical_json import decode_json
from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.identifiers import (
    EventId,
    RoomAlias,
    RoomId,
    ServerName,
    UserId,
    parse_event_id,
    parse_room_alias,
    parse_room_id,
    parse_user_id,
)

Body = TypeVar("Body", bound=msgspec.Struct)

PATIENCE: Final = 30.0
"""Seconds that a body may always take; after them it has to keep up with `SLOWEST`."""
SLOWEST: Final = 1024
"""Bytes per second, on average, that a body must arrive with."""


class Request:
    """One HTTP request. `requester` or `origin` is set by authentication, before the handler runs."""

    __slots__ = (
        "_body",
        "_header_map",
        "_headers",
        "_proxied",
        "_query",
        "_receive",
        "_task",
        "disconnected",
        "draining",
        "given_up",
        "max_body",
        "method",
        "origin",
        "params",
        "plugin",
        "request_id",
        "requester",
        "scope",
    )

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        *,
        params: Mapping[str, str],
        plugin: str,
        request_id: str,
        max_body: int,
        proxied: bool,
        draining: asyncio.Event,
        header_map: Mapping[bytes, bytes],
    ) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.params = params
        """The decoded named parts of the path."""
        self.plugin = plugin
        self.request_id = request_id
        self.requester: Requester | None = None
        self.origin: ServerName | None = None
        """The server that signed the request, on routes with `Auth.SERVER_SIGNATURE`."""
        self.draining = draining
        """Set when the process is about to stop: whoever waits for news answers at once with what there is."""
        self.disconnected = False
        """Nobody waits for the answer any more."""
        self.given_up = False
        """Because somebody has answered already that it cannot be done now."""
        self._receive = receive
        self.max_body = max_body
        """Bytes that the route takes."""
        self._proxied = proxied
        self._header_map = header_map
        self._body: bytes | None = None
        self._query: dict[str, list[str]] | None = None
        self._headers: Headers | None = None
        self._task: asyncio.Task[Any] | None = None

    # Who asks

    @property
    def asker(self) -> Requester:
        """The requester, on routes that need one. Raises MissingToken on others if nobody proved who they are."""
        if self.requester is None:
            raise MissingToken
        return self.requester

    @property
    def client_ip(self) -> str:
        """The address of the client, empty if it is not known.

        Behind a proxy it is what the proxy added to `X-Forwarded-For`: the last address, for those before it are the
        client's own words.
        """
        if self._proxied and (forwarded := self.header(b"x-forwarded-for")):
            return forwarded.rpartition(",")[2].strip()
        client = self.scope["client"]
        return client[0] if client else ""

    # Headers and path

    @property
    def path(self) -> str:
        """The path, decoded: for logs. What a handler needs of it is in `params`."""
        path: str = self.scope["path"]
        return path

    @property
    def headers(self) -> Headers:
        if self._headers is None:
            self._headers = Headers(raw=self.scope["headers"])
        return self._headers

    def header(self, name: bytes) -> str | None:
        """One header by its lower-case name (the last of several): cheaper than `headers`."""
        value = self._header_map.get(name)
        return None if value is None else value.decode("latin-1")

    def room_id(self, name: str) -> RoomId:
        """A part of the path. Raises ProtocolError (400 `M_INVALID_PARAM`) if it is none, like its neighbours."""
        return parse_room_id(self.params[name])

    def user_id(self, name: str) -> UserId:
        return parse_user_id(self.params[name])

    def event_id(self, name: str) -> EventId:
        return parse_event_id(self.params[name])

    def room_alias(self, name: str) -> RoomAlias:
        return parse_room_alias(self.params[name])

    # Query

    @property
    def query(self) -> Mapping[str, list[str]]:
        """All values of each query parameter. Raises InvalidParam if they are not UTF-8, or have a NUL."""
        if self._query is None:
            self._query = _parse_query(self.scope["query_string"])
        return self._query

    @overload
    def query_text(self, name: str) -> str | None: ...
    @overload
    def query_text(self, name: str, default: str) -> str: ...
    def query_text(self, name: str, default: str | None = None) -> str | None:
        """The last value of a parameter."""
        values = self.query.get(name) if self.scope["query_string"] else None
        return values[-1] if values else default

    def query_required(self, name: str) -> str:
        """Raises MissingParam."""
        value = self.query_text(name)
        if value is None:
            raise MissingParam(f"The query parameter {name!r} is missing")
        return value

    @overload
    def query_int(self, name: str, minimum: int, maximum: int) -> int | None: ...
    @overload
    def query_int(self, name: str, minimum: int, maximum: int, default: int) -> int: ...
    def query_int(self, name: str, minimum: int, maximum: int, default: int | None = None) -> int | None:
        """A whole number. More than `maximum` counts as `maximum`: who asks for more gets as much as there may be.

        Raises InvalidParam if it is no number, or less than `minimum`.
        """
        value = self.query_text(name)
        if value is None:
            return default
        digits = value.removeprefix("-")
        if not (digits.isascii() and digits.isdigit()) or len(digits) > 20 or int(value) < minimum:
            raise InvalidParam(f"The query parameter {name!r} must be a whole number from {minimum}")
        return min(int(value), maximum)

    def query_flag(self, name: str, default: bool = False) -> bool:
        """`true` or `false`. Raises InvalidParam for anything else."""
        value = self.query_text(name)
        if value is None:
            return default
        if value not in {"true", "false"}:
            raise InvalidParam(f"The query parameter {name!r} must be true or false")
        return value == "true"

    def query_list(self, name: str) -> list[str]:
        """All values of a parameter that may be given several times."""
        return self.query.get(name, [])

    # Body

    async def stream(self, limit: int | None = None) -> AsyncIterator[bytes]:
        """The body as it arrives; at most `limit` bytes, by default the route's `max_body`.

        Raises:
            TooLarge: at once if the Content-Length says so, else as soon as more has arrived.
            MatrixError: 408, it comes too slowly.
            ClientDisconnect: the client is gone.
        """
        limit = self.max_body if limit is None else limit
        length = self._header_map.get(b"content-length")
        if length is not None and int(length) > limit:
            raise TooLarge(f"The body may have {limit} bytes")
        received, started, more = 0, asyncio.get_running_loop().time(), True
        while more:
            chunk, more = await self._next_chunk(started + PATIENCE + received / SLOWEST)
            received += len(chunk)
            if received > limit:
                raise TooLarge(f"The body may have {limit} bytes")
            if chunk:
                yield chunk

    async def body(self) -> bytes:
        """The whole body, at most the route's `max_body` bytes. Raises as `stream` does."""
        if self._body is None:
            chunks = [chunk async for chunk in self.stream()]
            self._body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        return self._body

    async def json(self, model: type[Body], *, allow_empty: bool = False) -> Body:
        """The body as a `model`. With `allow_empty` no body at all counts as `{}`.

        Raises:
            ProtocolError: `M_NOT_JSON`; `M_BAD_JSON` if it is nested too deeply or has a lone surrogate.
            MissingParam: a required key is missing.
            BadJson: a value has the wrong type.
            InvalidParam: a value has the right type, but is not allowed.
        """
        body = await self.body()
        if not body and allow_empty:
            body = b"{}"
        try:
            decoder: msgspec.json.Decoder[Body] = _decoder(model)
            if not body.isascii():
                body.decode()  # the decoder passes over keys that the model does not have, whatever their bytes
            return decoder.decode(body)
        except msgspec.ValidationError as error:
            decode_json(
                body, strict=False
            )  # the decoder stops at the first wrong value; perhaps what follows is no JSON
            raise _refusal(error) from None
        except (ValueError, RecursionError):
            decode_json(body, strict=False)  # tells malformed from unacceptable, and raises accordingly
            raise NotJson from None

    async def json_object(self, *, allow_empty: bool = False, canonical: bool = True) -> dict[str, Any]:
        """The body as any JSON object; with `canonical` one that canonical JSON can write, as events must be.

        Raises ProtocolError, `M_NOT_JSON` or `M_BAD_JSON`; BadJson if it is no object.
        """
        body = await self.body()
        if not body and allow_empty:
            return {}
        value = decode_json(body, strict=canonical)
        if not isinstance(value, dict):
            raise BadJson("The body must be a JSON object")
        return value

    async def _next_chunk(self, deadline: float) -> tuple[bytes, bool]:
        """The next part of the body, and whether more follows. `deadline` is a time of the event loop."""
        try:
            async with asyncio.timeout_at(deadline):
                message = await self._receive()
        except TimeoutError:
            raise MatrixError(408, "M_UNKNOWN", "The body came too slowly", headers={"Connection": "close"}) from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        return message.get("body", b""), message.get("more_body", False)

    # The client goes away

    def cancel_when_gone(self) -> None:
        """Let the protocol cancel the task that handles this request when the client disconnects."""
        self._task = asyncio.current_task()

    def client_gone(self) -> None:
        self.disconnected = True
        if self._task is not None:
            self._task.cancel()


def _parse_query(query_string: bytes) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    try:
        pairs = parse_qsl(query_string.decode(), keep_blank_values=True, errors="strict", max_num_fields=1000)
    except ValueError:
        raise InvalidParam("The query is not UTF-8, or has too many parts") from None
    for name, value in pairs:
        if "\0" in value:
            raise InvalidParam("The query has a NUL")
        values.setdefault(name, []).append(value)
    return values


@cache
def _decoder(model: type[Body]) -> msgspec.json.Decoder[Body]:
    return msgspec.json.Decoder(model)


def _refusal(error: msgspec.ValidationError) -> MatrixError:
    """msgspec tells a missing key, a wrong type and a wrong value apart by its message alone.

    "`M_INVALID_PARAM`: A parameter that was specified has the wrong value", "`M_MISSING_PARAM`: A required parameter
    was missing", "`M_BAD_JSON`: [...] malformed in some way".
    """
    message = str(error)
    if isinstance(error.__cause__, ProtocolError):
        return InvalidParam(message, errcode=error.__cause__.errcode)
    if message.startswith("Object missing required field"):
        return MissingParam(message)
    if message.startswith("Expected `") and ", got `" in message:
        return BadJson(message)
    return InvalidParam(message)
