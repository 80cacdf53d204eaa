"""A client of HTTP for URLs that strangers have a say in."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from hs_core.config.model import Outbound as Settings
from hs_core.outbound.addresses import is_special_literal
from hs_core.outbound.errors import AddressRefused, AnswerTooLarge, Unanswered, UnusableUrl

if TYPE_CHECKING:  # a server that asks nobody anything does without
    import aiohttp
    from yarl import URL

    from hs_core.outbound.connecting import Connections

Lookup = Callable[[str], Awaitable[Sequence[str]]]
"""The addresses of a name. Raises OSError if there are none."""

USER_AGENT: Final = "hs"
_READ_AT_ONCE: Final = 1 << 16
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_KEPT_ACROSS_HOSTS: Final = frozenset({"accept", "accept-language", "user-agent", "range"})
"""Headers that a redirect may take to another host; all others may hold what is meant for the first alone."""


@dataclass(frozen=True)
class Bounds:
    """Of one way out."""

    connections: int = 200
    """At once, whereto ever."""
    per_destination: int = 16
    """To one scheme, host and port at once; further requests wait for their turn as long as their time lasts."""
    idle_seconds: float = 30.0
    """How long a connection stays open that nobody uses."""


@dataclass(frozen=True)
class Answer:
    """A response, read to its end. `headers` do not mind the case of names; `url` is where redirects led."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


@dataclass(frozen=True)
class Incoming:
    """A response whose body has not been read: look at it first."""

    status: int
    headers: Mapping[str, str]
    url: str
    _response: aiohttp.ClientResponse
    _question: _Question

    async def read(self, max_bytes: int) -> bytes:
        """The whole body, decompressed. Raises AnswerTooLarge beyond `max_bytes`."""
        parts: list[bytes] = []
        left = max_bytes
        with _as_outbound_errors(self._question):
            async for part in self._response.content.iter_chunked(_READ_AT_ONCE):
                left -= len(part)
                if left < 0:
                    raise AnswerTooLarge(self._question.destination, f"more than {max_bytes} bytes")
                parts.append(part)
        return b"".join(parts)

    async def beginning(self, max_bytes: int) -> bytes:
        """So much of the body, decompressed, and perhaps a little more; of a shorter one, all."""
        content = bytearray()
        with _as_outbound_errors(self._question):
            while len(content) < max_bytes and (part := await self._response.content.read(_READ_AT_ONCE)):
                content += part
        return bytes(content)


@dataclass
class _Question:
    """What is being asked, and where: redirects change it."""

    method: str
    url: URL
    headers: dict[str, str]
    body: bytes | None

    @property
    def destination(self) -> str:
        return destination(self.url)

    def redirect(self, status: int, url: URL) -> None:
        """Ask there now. What may be meant for the first host alone, another is not told."""
        if url.origin() != self.url.origin():
            self.headers = {name: value for name, value in self.headers.items() if name.lower() in _KEPT_ACROSS_HOSTS}
        if (status == 303 and self.method != "HEAD") or (status in (301, 302) and self.method == "POST"):
            self.method, self.body = "GET", None
        self.url = url


@contextmanager
def _as_outbound_errors(question: _Question) -> Iterator[None]:
    """Errors of connections as OutboundError: of their texts, which may quote a URL or a header, little is told."""
    import aiohttp

    from hs_core.outbound.connecting import SpecialAddress

    try:
        yield
    except aiohttp.ClientConnectorError as error:
        if isinstance(error.os_error, SpecialAddress):
            raise AddressRefused(question.destination, str(error.os_error)) from None
        raise Unanswered(question.destination, error.os_error.strerror or type(error).__name__) from None
    except aiohttp.InvalidURL:
        raise UnusableUrl(question.destination, "not a URL") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        if isinstance(error, TimeoutError):
            raise Unanswered(question.destination, "no connection in time") from None
        raise Unanswered(question.destination, type(error).__name__) from None


def destination(url: URL) -> str:
    """All that is told of a URL: its scheme, host and port."""
    return f"{url.scheme}://{url.host_port_subcomponent}"


class Outbound:
    """One way out. It connects to nothing before the first request, and closes what it opened at the context's end."""

    def __init__(
        self,
        settings: Settings,
        bounds: Bounds = Bounds(),
        *,
        private: bool | None = None,
        lookup: Lookup | None = None,
    ) -> None:
        """`private` is whether private addresses may be asked, whatever the settings say: for URLs that the
        administrator chose. `lookup` is for tests; by default the system's name servers are asked.
        """
        self._private = settings.allow_private_addresses if private is None else private
        self._verify_tls = settings.verify_tls
        self._bounds = bounds
        self._lookup = lookup
        self._connections: Connections | None = None
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        if self._connections is not None:
            await self._connections.close()

    def check(self, url: str) -> None:
        """Can this be asked, as far as one can see without asking? For settings of users, before they are stored.

        Raises UnusableUrl, AddressRefused.
        """
        self._parsed(url)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        seconds: float = 30.0,
        max_bytes: int = 1 << 20,
        redirects: int = 0,
    ) -> Answer:
        """Ask, and read the answer, whatever its status.

        `seconds` are for all of it, waiting for a turn included; `redirects` is how many of them to follow.

        Raises OutboundError: UnusableUrl, AddressRefused, Unanswered, AnswerTooLarge.
        """
        opened = self.opened(method, url, headers=headers, body=body, seconds=seconds, redirects=redirects)
        async with opened as incoming:
            content = await incoming.read(max_bytes)
        return Answer(incoming.status, incoming.headers, content, incoming.url)

    @asynccontextmanager
    async def opened(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        seconds: float = 30.0,
        redirects: int = 0,
    ) -> AsyncIterator[Incoming]:
        """Ask, and see the head of the answer; its body can be read, or left, while the context lasts.

        `seconds` are for the whole context, the reading too. Raises as `request` does.
        """
        question = _Question(method, self._parsed(url), dict(headers or {}), body)
        session = self._opened_session()
        timeout = asyncio.timeout(seconds)
        try:
            async with timeout:
                with _as_outbound_errors(question):
                    response = await self._ask(session, question, redirects)
                async with response:
                    yield Incoming(response.status, response.headers, str(response.url), response, question)
                    if not response.content.at_eof():
                        response.close()  # what nobody reads is not waited for either
        except TimeoutError:
            if timeout.expired():
                raise Unanswered(question.destination, "no answer in time") from None
            raise

    async def _ask(self, session: aiohttp.ClientSession, question: _Question, redirects: int) -> aiohttp.ClientResponse:
        """The first answer that is no redirect that may be followed."""
        for left in range(redirects, -1, -1):
            response = await session.request(
                question.method, question.url, headers=question.headers, data=question.body, allow_redirects=False
            )
            location = response.headers.get("location")
            if not redirects or response.status not in _REDIRECTS or location is None:
                return response
            response.close()
            if left:
                question.redirect(response.status, self._parsed(location, base=question.url))
        raise AnswerTooLarge(question.destination, f"more than {redirects} redirects")

    def _parsed(self, text: str, base: URL | None = None) -> URL:
        from yarl import URL

        try:
            url = URL(text) if base is None else base.join(URL(text))
            host, port = url.raw_host, url.port  # of which the port may be nonsense, which is found out now
        except (ValueError, TypeError):
            raise UnusableUrl("a URL", "not a URL") from None
        if url.scheme not in ("http", "https"):
            raise UnusableUrl("a URL", "neither http nor https")
        if not host or not port or not _HOST.fullmatch(host):
            raise UnusableUrl("a URL", "no host, or no port")
        if not self._private and is_special_literal(host):
            raise AddressRefused(destination(url), "an address of a private or special range")
        return url

    def _opened_session(self) -> aiohttp.ClientSession:
        if self._closed:
            raise RuntimeError("this way out has been closed")
        if self._connections is None:
            from hs_core.outbound.connecting import connections

            self._connections = connections(
                self._bounds, private=self._private, verify_tls=self._verify_tls, lookup=self._lookup
            )
        return self._connections.session
