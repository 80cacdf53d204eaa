"""Pass a public request on to a process where its plugin is active, and its answer back; neither is kept in memory.

Requests of one user, or about one room, go to the same process as long as it is there, so that its caches are warm.
"""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack
from itertools import count
from typing import Any, Final

import aiohttp
import structlog
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from hs_core.cluster.members import Member
from hs_core.cluster.peers import PREVIOUS_HEADER, SECRET_HEADER, Peers, Unreachable
from hs_core.cluster.placement import process_of
from hs_core.cluster.registry import Registry
from hs_core.errors import Unavailable
from hs_core.http.request import Request
from hs_core.http.routes import Claim
from hs_core.plugin.declaration import By

log = structlog.get_logger(__name__)

CLIENT_HEADER: Final = "hs-client"
"""The address of the client, on requests that are passed on."""
PASSED_ON: Final = "hs.passed_on"
"""In the ASGI scope of such requests: they are not passed on again."""
MISDIRECTED: Final = 421

ATTEMPTS: Final = 4
REPEATABLE: Final = frozenset({"GET", "HEAD", "PUT", "DELETE"})
"""Methods whose requests may be made again, if it is not known whether they were heard ("idempotent")."""
_OF_ONE_HOP: Final = frozenset(
    {
        b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade",
        b"expect", b"date", CLIENT_HEADER.encode(), SECRET_HEADER.encode(), PREVIOUS_HEADER.encode(),
    }
)  # fmt: skip
_SMALL_BODY: Final = 256 * 1024
_TOKEN_PREFIX: Final = "hst_"
_ORIGIN: Final = re.compile(r'origin="?([^",\s]+)')


class Forwarder:
    """Implements `hs_core.http.app.Forward`."""

    def __init__(self, registry: Registry, peers: Peers) -> None:
        self._registry = registry
        self._peers = peers
        self._turns = count()

    async def __call__(self, claim: Claim, request: Request) -> Response:
        """The answer of another process. Raises Unavailable if there is none."""
        if PASSED_ON in request.scope:
            return Response(status_code=MISDIRECTED)  # whoever passed it on looks for another process
        # A client that goes is gone for the other process, too: what that has begun it finishes, but does not repeat.
        request.cancel_when_gone()
        await self._registry.pauses.not_in_vain()
        headers = _headers(request)
        body = await _Body.of(request)
        tried: set[str] = set()
        for _ in range(ATTEMPTS):
            member = self._choose(claim, request, tried)
            tried.add(member.id)
            try:
                passed = await PassedOn.begin(self._peers, member, request, headers, body.content)
            except Unreachable as error:
                if body.refused is not None:
                    raise body.refused from error
                log.warning("a request could not be passed on", error=str(error), plugin=claim.plugin)
                if error.begun and request.method not in REPEATABLE:
                    break
            else:
                if passed.status_code != MISDIRECTED:
                    return passed
                await passed.close()
            if not body.repeatable:
                break
        raise Unavailable("The process that answers such requests cannot be reached", retry_after=1)

    def _choose(self, claim: Claim, request: Request, tried: Collection[str]) -> Member:
        me = self._registry.me.id
        able = [each for each in self._registry.where(claim.plugin) if each.id != me]
        able = [each for each in able if each.id not in tried] or able
        if not able:
            raise Unavailable("The part of this server that answers such requests is not running")
        key = affinity_key(claim.route.affinity, request)
        if key is None:
            return able[next(self._turns) % len(able)]
        by_id = {each.id: each for each in able}
        chosen = process_of(f"{claim.plugin}\0{key}", 0, by_id)
        assert chosen is not None
        return by_id[chosen]


def affinity_key(by: By, request: Request) -> str | None:
    """What requests of a kind are kept together by; `None` if this one says nothing of it."""
    if by is By.ROOM:
        return next((value for name, value in request.params.items() if name.startswith("room")), None)
    if by is By.USER:
        return user_of_token(request.header(b"authorization") or "")
    if by is By.ORIGIN:
        match = _ORIGIN.search(request.header(b"authorization") or "")
        return None if match is None else match[1]
    return None


def user_of_token(authorization: str) -> str | None:
    """The localpart that an access token of ours names. Whether the token is good is for others to check."""
    head, *rest = authorization.rpartition(" ")[2].rsplit("_", 2)
    if len(rest) != 2 or not head.startswith(_TOKEN_PREFIX):
        return None
    localpart = head.removeprefix(_TOKEN_PREFIX)
    try:
        return base64.urlsafe_b64decode(localpart + "=" * (-len(localpart) % 4)).decode()
    except ValueError:
        return None


def _headers(request: Request) -> Mapping[str, str]:
    kept = {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in request.scope["headers"]
        if name not in _OF_ONE_HOP
    }
    return {**kept, CLIENT_HEADER: request.client_ip, "x-request-id": request.request_id}


class _Body:
    """What a request brings: small ones are kept, in case they have to be sent again."""

    def __init__(self, request: Request) -> None:
        self.content: bytes | AsyncIterator[bytes] | None = None
        self.refused: Exception | None = None
        """Why reading it came to an end before its own."""
        self._request = request

    @property
    def repeatable(self) -> bool:
        """Whether it can be sent more than once."""
        return self.content is None or isinstance(self.content, bytes)

    @classmethod
    async def of(cls, request: Request) -> _Body:
        """Raises what `Request.body` does, if it is small or known to be too large."""
        body = cls(request)
        length = request.header(b"content-length")
        if length is None and request.header(b"transfer-encoding") is None:
            return body
        small = length is not None and (int(length) <= _SMALL_BODY or int(length) > request.max_body)
        body.content = await request.body() if small else body._read()
        return body

    async def _read(self) -> AsyncIterator[bytes]:
        """As it comes. Who sends it hides what went wrong with it, so that is noted."""
        try:
            async for chunk in self._request.stream():
                yield chunk
        except Exception as error:
            self.refused = error
            raise


class PassedOn(Response):
    """The answer of another process, passed on as it comes."""

    def __init__(self, answer: aiohttp.ClientResponse, stack: AsyncExitStack) -> None:
        self.status_code = answer.status
        self.background = None
        self.raw_headers = [
            (name.lower(), value) for name, value in answer.raw_headers if name.lower() not in _OF_ONE_HOP
        ]
        self._answer = answer
        self._stack = stack

    @classmethod
    async def begin(
        cls, peers: Peers, member: Member, request: Request, headers: Mapping[str, str], body: Any
    ) -> PassedOn:
        """Raises Unreachable, and what reading the request raises."""
        target = request.scope["raw_path"].decode("latin-1")
        if query := request.scope["query_string"]:
            target += "?" + query.decode("latin-1")
        async with AsyncExitStack() as stack:
            answer = await stack.enter_async_context(
                peers.request(member, request.method, target, headers=headers, body=body, seconds=None)
            )
            return cls(answer, stack.pop_all())
        raise AssertionError("an exit stack does not swallow exceptions")

    async def close(self) -> None:
        """Do without the rest of it."""
        await self._stack.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._stack:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            async for part in self._answer.content.iter_any():
                await send(_part(part, more=True))
            await send(_part(b"", more=False))


def _part(body: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}
