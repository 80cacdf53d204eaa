"""What is counted of requests. Labels are bound once per route: looking them up each time costs more than counting."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from hs_core.http.routes import Claim, template

BUCKETS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)


class HttpMetrics:
    """The HTTP metrics of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("plugin", "method", "route")
        self.registry = registry
        self._requests = Counter("hs_http_requests", "Answered requests", (*labels, "status"), registry=registry)
        self._seconds = Histogram(
            "hs_http_request_seconds", "Until the answer was sent", labels, registry=registry, buckets=BUCKETS
        )
        self.unrecognized = RouteMetrics(self._requests, self._seconds, ("", "", "unrecognized"))

    def of(self, claim: Claim) -> RouteMetrics:
        route = claim.route
        return RouteMetrics(self._requests, self._seconds, (claim.plugin, route.method, template(route.path)))


class RouteMetrics:
    """The metrics of one route."""

    __slots__ = ("_by_status", "_labels", "_observe", "_requests")

    def __init__(self, requests: Counter, seconds: Histogram, labels: tuple[str, str, str]) -> None:
        self._requests = requests
        self._labels = labels
        self._observe = seconds.labels(*labels).observe
        self._by_status: dict[int, Counter] = {}

    def answered(self, status: int, seconds: float) -> None:
        counter = self._by_status.get(status)
        if counter is None:
            counter = self._by_status[status] = self._requests.labels(*self._labels, str(status))
        counter.inc()
        self._observe(seconds)
