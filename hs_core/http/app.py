"""What happens to every request, from the route table to the answer.

Find the route -> pass it on, if its plugin is not active here -> who asks -> may they ask so often -> the handler ->
send. Whatever is raised on the way becomes an answer in one place.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

import structlog
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from hs_core.clock import Clock
from hs_core.errors import MatrixError, Unavailable, as_matrix_error
from hs_core.http.authenticate import Authenticator
from hs_core.http.context import current_request
from hs_core.http.health import CORE, core_claims
from hs_core.http.limits import RateLimiter
from hs_core.http.metrics import HttpMetrics, RouteMetrics
from hs_core.http.outage import Outage
from hs_core.http.request import Request
from hs_core.http.responses import PREFLIGHT, JsonStream, error_response, send_response
from hs_core.http.routes import Claim, Match, RouteTable
from hs_core.plugin.declaration import Resource
from hs_core.streams.bus import Bus

log = structlog.get_logger(__name__)

Forward = Callable[[Claim, Request], Awaitable[Response]]
"""Gets the answer of another process, in which the claim's plugin is active. Raises Unavailable if there is none."""

ON_DISCONNECT: Final = "hs.on_disconnect"
"""In the ASGI scope: what the protocol calls when the client goes away before it has its answer."""

CLIENT_GONE: Final = 499
"""Counted as the status of requests that nobody waits for any more."""

GIVEN_UP: Final = 503
"""That of requests which were answered before they were done."""

_ABSENT: Final = object()
_REQUEST_ID = re.compile(rb"[\w.:-]{1,64}")


@dataclass(frozen=True)
class Site:
    """What the listeners of one process have in common.

    `roles` holds, by plugin name, what the `start` of each active plugin yielded; it may change while requests come.
    """

    claims: Sequence[Claim]
    roles: Mapping[str, object]
    authenticator: Authenticator
    limiter: RateLimiter
    metrics: HttpMetrics
    clock: Clock
    readiness: Callable[[], Sequence[str]]
    """Names what is missing for requests to be answered."""
    forward: Forward | None = None
    max_upload: int = 0
    """Bytes that a file may have which a route takes for its body."""
    bus: Bus | None = None
    """What connects with the other processes, if there can be any: who was told that something is done finds it done
    wherever the next request is answered.
    """
    outage: Outage = field(default_factory=Outage)
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    """Set before the listeners close: long polls end, so that they do not have to be cut off."""


def build_app(site: Site, resources: Collection[Resource], *, proxied: bool = False) -> ASGIApp:
    """The ASGI application of a listener that carries `resources`: other routes do not exist on it.

    `proxied`: whether a reverse proxy in front of it sets `X-Forwarded-For`. Raises BadRoute.
    """
    return _App(site, resources, proxied)


class _App:
    def __init__(self, site: Site, resources: Collection[Resource], proxied: bool) -> None:
        claims = [claim for claim in site.claims if claim.route.resource in resources]
        claims += core_claims(site.readiness, site.metrics.registry, resources)
        self._site = site
        self._proxied = proxied
        self._table = RouteTable(claims)
        self._metrics: dict[Claim, RouteMetrics] = {claim: site.metrics.of(claim) for claim in claims}
        self._monotonic = site.clock.monotonic
        self._log = log.bind()  # once: an unbound logger looks up its configuration for each line
        self._request_ids = count(1)
        self._request_id_prefix = site.clock.random_text(6)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["method"] == "OPTIONS":
            for message in PREFLIGHT:
                await send(message)
            return
        started = self._monotonic()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        try:
            match = self._table.find(scope["method"], scope["raw_path"])
        except MatrixError as error:
            await send_response(error_response(error), scope, receive, send, b"")
            self._site.metrics.unrecognized.answered(error.status, self._monotonic() - started)
            return
        status = await self._handle(match, scope, receive, send, headers)
        seconds = self._monotonic() - started
        self._metrics[match.claim].answered(status, seconds)
        self._log.debug(
            "answered", method=scope["method"], route=match.claim.route.path, status=status, seconds=seconds
        )

    async def _handle(
        self, match: Match, scope: Scope, receive: Receive, send: Send, headers: Mapping[bytes, bytes]
    ) -> int:
        """Answer a request whose route is known; returns the status for the metrics."""
        request = self._request(match, scope, receive, headers)
        current_request.set(request)
        scope[ON_DISCONNECT] = request.client_gone
        if request.method in {"GET", "HEAD"}:  # a write, once begun, is finished, whoever waits for it
            request.cancel_when_gone()
        outage = self._site.outage
        outage.waits(request, scope, receive, send)
        try:
            response = await self._answer_or_refuse(match.claim, request)
            if not outage.still_waits(request):
                await outage.answered(request)
                return GIVEN_UP
            await send_response(response, scope, receive, send, headers.get(b"accept-encoding", b""))
        except ClientDisconnect:
            return GIVEN_UP if request.given_up else CLIENT_GONE
        except asyncio.CancelledError:
            if request.disconnected:
                return GIVEN_UP if request.given_up else CLIENT_GONE
            raise
        except Exception:
            # The status is sent already: all that is left is to break off, so that nobody takes it for the whole.
            log.exception("response broken off")
            return 500
        finally:
            outage.still_waits(request)
        return response.status_code

    async def _answer_or_refuse(self, claim: Claim, request: Request) -> Response:
        try:
            response = await self._answer(claim, request)
            if isinstance(response, JsonStream):
                await response.begin()
            return response
        except ClientDisconnect:
            raise
        except asyncio.CancelledError:
            if request.disconnected or not self._site.draining.is_set():
                raise
            # What did not end while the process drained was cut off; nobody above waits for the cancellation.
            return error_response(Unavailable("The server is stopping"))
        except Exception as error:
            return error_response(as_matrix_error(error), request.request_id)

    async def _answer(self, claim: Claim, request: Request) -> Response:
        site, route = self._site, claim.route
        if claim.plugin != CORE:
            site.outage.check()
        role = site.roles.get(claim.plugin, _ABSENT)
        if role is _ABSENT and claim.plugin != CORE:
            if site.forward is None:
                raise Unavailable("The part of this server that answers such requests is not running")
            return await site.forward(claim, request)
        if site.bus is not None:
            await site.bus.heard()
        await site.authenticator.authenticate(request, route)
        site.limiter.check(route.rate, request)
        response = await route.handler(role, request)
        if site.bus is not None and request.method != "GET":
            await site.bus.carried()
        return response

    def _request(self, match: Match, scope: Scope, receive: Receive, headers: Mapping[bytes, bytes]) -> Request:
        given: Any = headers.get(b"x-request-id")
        if given is not None and _REQUEST_ID.fullmatch(given):
            request_id = given.decode()
        else:
            request_id = f"{self._request_id_prefix}-{next(self._request_ids)}"
        route = match.claim.route
        return Request(
            scope,
            receive,
            params=match.params,
            plugin=match.claim.plugin,
            request_id=request_id,
            max_body=self._site.max_upload if route.upload else route.max_body,
            proxied=self._proxied,
            draining=self._site.draining,
            header_map=headers,
        )
