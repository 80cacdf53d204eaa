"""Every Prometheus metric of the core, by name and unit.

Names begin with `hs_`, say their unit, and are in the singular of what a label tells apart. A labelled child is bound
once, where the part that counts is made: looking it up each time costs several times the counting. A plugin makes its
own metrics with `registry=REGISTRY` and names that begin with `hs_` and its own.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import (
    GC_COLLECTOR,
    PLATFORM_COLLECTOR,
    PROCESS_COLLECTOR,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

REGISTRY: Final = CollectorRegistry()
CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
for _collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
    REGISTRY.register(_collector)

_LATENCIES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

REQUESTS: Final = Counter(
    "hs_http_requests", "Requests answered", ["plugin", "method", "route", "status"], registry=REGISTRY
)
REQUEST_SECONDS: Final = Histogram(
    "hs_http_request_seconds",
    "Time from a request's first line to its response's last byte",
    ["plugin", "method", "route"],
    buckets=_LATENCIES,
    registry=REGISTRY,
)
REQUESTS_IN_FLIGHT: Final = Gauge("hs_http_requests_in_flight", "Requests being answered", registry=REGISTRY)
HOOK_FAILURES: Final = Counter("hs_hook_failures", "Hook calls that raised", ["hook", "plugin"], registry=REGISTRY)


class RouteMetrics:
    """One route's metrics, bound: make it with the route table, not with each request."""

    __slots__ = ("_by_status", "_labels", "_seconds")

    def __init__(self, plugin: str, method: str, route: str) -> None:
        self._labels = (plugin, method, route)
        self._seconds = REQUEST_SECONDS.labels(*self._labels)
        self._by_status: dict[int, Counter] = {}

    def answered(self, status: int, seconds: float) -> None:
        """Count a response with this status that took so long."""
        counter = self._by_status.get(status)
        if counter is None:
            counter = self._by_status[status] = REQUESTS.labels(*self._labels, str(status))
        counter.inc()
        self._seconds.observe(seconds)


def exposition() -> bytes:
    """What `/metrics` answers, in the type CONTENT_TYPE."""
    return generate_latest(REGISTRY)
