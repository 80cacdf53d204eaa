"""HTTP/1.1 on one connection, with a bound for everything that the other side can do slowly or without end.

uvicorn's protocol bounds bodies (by flow control) and idle connections after a request. This adds: connections that
say nothing or never finish their headers, headers without end, bodies that go on after their refusal, and readers that
take no answer. It also tells a request whose client has gone.
"""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from hs_core.http.app import ON_DISCONNECT

MAX_HEAD: Final = 64 * 1024
"""Bytes of a request line and its headers: a sync filter may be written out in the query."""
HEAD_SECONDS: Final = 20.0
"""For the headers, from the first byte (or from the connection) to the last."""
KEEP_ALIVE_SECONDS: Final = 75
"""More than proxies keep their connections, so that it is they who close them."""
LINGER_BYTES: Final = 1024 * 1024
LINGER_SECONDS: Final = 5.0
"""How much of a refused body is read and dropped, so that its sender gets to see the refusal."""
STALLED_SECONDS: Final = 60.0
"""How long a client may take nothing of its answer."""


def _refusal(status: bytes, body: bytes) -> bytes:
    """An answer to what never became a request."""
    head = b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n" % (status, len(body))
    return head + b"access-control-allow-origin: *\r\nconnection: close\r\n\r\n" + body


_NOT_HTTP: Final = _refusal(b"400 Bad Request", b'{"errcode":"M_UNKNOWN","error":"This is not HTTP"}')
_HEAD_TOO_LARGE: Final = _refusal(
    b"431 Request Header Fields Too Large", b'{"errcode":"M_TOO_LARGE","error":"The headers are too long"}'
)


class Connections(ServerState):
    """The open connections of one listener. Each costs some 10 KiB while it is idle."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit
        self.all_closed = asyncio.Event()
        self.all_closed.set()
        self._monotonic = asyncio.get_running_loop().time
        self._dated = -1.0

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """The `Date` of answers, good for a second: written for who asks, not every second of a quiet night."""
        now = self._monotonic()
        if now - self._dated >= 1 or self._dated < 0:
            self._dated = now
            self._date = [(b"date", formatdate(usegmt=True).encode())]
        return self._date

    @default_headers.setter
    def default_headers(self, headers: list[tuple[bytes, bytes]]) -> None:
        """uvicorn's own server sets them; we have none but the date."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, config: Config, connections: Connections) -> None:
        super().__init__(config, connections, {})
        self._state = connections
        self._in_head = True
        self._head_bytes = 0
        self._dropped = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._unsent = 0

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._state.all_closed.clear()
        if len(self.connections) > self._state.limit:
            transport.abort()
            return
        self._close_in(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._keep_open()
        self._unset_keepalive_if_required()
        if self._stalled is not None:
            self._stalled.cancel()
        cycle = self.cycle
        super().connection_lost(exc)
        if cycle is not None and not cycle.response_complete:
            gone: Any = cycle.scope.get(ON_DISCONNECT)
            if gone is not None:
                gone()
        if not self.connections:
            self._state.all_closed.set()

    # Its requests

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
            if self._deadline is None:
                self._close_in(HEAD_SECONDS)
        super().data_received(data)
        if self._in_head and self._head_bytes > MAX_HEAD:
            self._refuse(_HEAD_TOO_LARGE)

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._head_bytes > MAX_HEAD:  # perhaps it was the body that came along with them
            size = len(self.url) + sum(len(name) + len(value) + len(": \r\n") for name, value in self.headers)
            if size > MAX_HEAD:
                self._refuse(_HEAD_TOO_LARGE)
                return
        self._keep_open()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self.transport.is_closing():
            return
        if self.cycle.response_complete:
            self._dropped += len(body)
            if self._dropped > LINGER_BYTES:
                self.transport.close()
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.transport.is_closing():
            return
        super().on_message_complete()
        self._in_head = True
        self._head_bytes = self._dropped = 0

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete and not self._in_head and not self.transport.is_closing():
            if self.expect_100_continue:
                # Nobody asked for the body, and it is anyone's guess whether the client will send it.
                self.transport.close()
            else:
                self._close_in(LINGER_SECONDS)

    def _unsupported_upgrade_warning(self) -> None:
        """Asking for HTTP/2 or a web socket is no fault: the answer is HTTP/1.1, and then the connection ends."""
        if self.cycle is not None:
            self.cycle.keep_alive = False

    def send_400_response(self, msg: str) -> None:
        self._refuse(_NOT_HTTP)

    def _refuse(self, refusal: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(refusal)
            self.transport.close()

    # Its answers

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_unsent()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def timeout_keep_alive_handler(self) -> None:
        """An idle connection ends, whether or not the last answer was taken."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def _watch_unsent(self) -> None:
        self._unsent = self.transport.get_write_buffer_size()
        self._stalled = self.loop.call_later(STALLED_SECONDS, self._abort_if_stalled)

    def _abort_if_stalled(self) -> None:
        if self.transport.get_write_buffer_size() >= self._unsent:
            self.transport.abort()
        else:
            self._watch_unsent()

    # Its deadline

    def _close_in(self, seconds: float) -> None:
        self._keep_open()
        self._deadline = self.loop.call_later(seconds, self._too_late)

    def _keep_open(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        self.transport.close()
