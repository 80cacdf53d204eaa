"""Metrics by their names."""

import re

from prometheus_client import generate_latest

from hs_core.http.metrics import HttpMetrics
from hs_core.metrics import HOOK_FAILURES, new_registry


def test_every_metric_of_ours_begins_with_hs() -> None:
    registry = new_registry()
    HttpMetrics(registry)
    HOOK_FAILURES.labels("check_event", "spam").inc()

    names = re.findall(r"^# TYPE (\w+) ", generate_latest(registry).decode(), re.MULTILINE)

    assert [name for name in names if not name.startswith(("hs_", "process_", "python_"))] == []
    assert {"hs_hook_failures_total", "hs_http_requests_total"} <= set(names)


def test_two_servers_in_one_process_count_their_own_requests() -> None:
    one, other = new_registry(), new_registry()

    HttpMetrics(one).unrecognized.answered(404, 0.01)
    HttpMetrics(other)

    labels = {"plugin": "", "method": "", "route": "unrecognized", "status": "404"}
    assert one.get_sample_value("hs_http_requests_total", labels) == 1
    assert other.get_sample_value("hs_http_requests_total", labels) is None
