"""Metrics by their names."""

import re

from hs_core.metrics import REGISTRY, RouteMetrics, exposition


def test_a_request_is_counted_under_its_route_and_status() -> None:
    route = RouteMetrics("sync", "GET", "/_matrix/client/v3/sync")
    labels = {"plugin": "sync", "method": "GET", "route": "/_matrix/client/v3/sync"}
    before = REGISTRY.get_sample_value("hs_http_requests_total", {**labels, "status": "200"}) or 0

    route.answered(200, 0.02)
    route.answered(200, 0.03)

    assert REGISTRY.get_sample_value("hs_http_requests_total", {**labels, "status": "200"}) == before + 2
    assert REGISTRY.get_sample_value("hs_http_request_seconds_sum", labels) is not None


def test_every_metric_of_ours_begins_with_hs() -> None:
    names = re.findall(r"^# TYPE (\w+) ", exposition().decode(), re.MULTILINE)

    assert [name for name in names if not name.startswith(("hs_", "process_", "python_"))] == []
    assert "hs_http_requests_in_flight" in names
