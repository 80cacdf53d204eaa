"""The routes of the core itself: is the process alive, can it serve, what does it count."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.responses import Response

from hs_core.http.responses import JsonResponse, json_response
from hs_core.http.routes import Claim
from hs_core.plugin.declaration import Auth, Handler, RateClass, Resource, Route

if TYPE_CHECKING:
    from hs_core.http.request import Request

CORE = "core"
"""Stands for the plugin's name in the claims of these routes. They are active in every process."""

LIVE = JsonResponse(b'{"status":"ok"}')


def core_claims(
    readiness: Callable[[], Sequence[str]], registry: CollectorRegistry, resources: Collection[Resource]
) -> list[Claim]:
    """The core's routes on a listener that carries `resources`: health on each, metrics where they are asked for.

    `readiness` names what is missing for requests to be answered; nothing, if all is well.
    """

    async def live(role: Any, request: Request) -> Response:
        return LIVE

    async def ready(role: Any, request: Request) -> Response:
        reasons = list(readiness())
        if reasons:
            return json_response({"status": "unavailable", "reasons": reasons}, status=503)
        return LIVE

    async def metrics(role: Any, request: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    claims = [_claim("/health/live", live), _claim("/health/ready", ready)]
    return [*claims, _claim("/metrics", metrics)] if Resource.METRICS in resources else claims


def _claim(path: str, handler: Handler) -> Claim:
    return Claim(CORE, Route("GET", path, handler, auth=Auth.NONE, rate=RateClass.NONE, resource=Resource.METRICS))
