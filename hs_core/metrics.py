"""The Prometheus metrics of a process, by name and unit.

Names begin with `hs_`, say their unit, and are in the singular of what a label tells apart. A labelled child is bound
once, where the part that counts is made: looking it up each time costs several times the counting.

What is counted wherever it happens is here; what one part of each server counts is that part's own, such as
`hs_core.http.metrics`.
"""

from typing import Final

from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR, CollectorRegistry, Counter

HOOK_FAILURES: Final = Counter("hs_hook_failures", "Hook calls that raised", ["hook", "plugin"], registry=None)

_EVERYWHERE: Final = (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR, HOOK_FAILURES)


def new_registry() -> CollectorRegistry:
    """The metrics of one server; in tests a process has several."""
    registry = CollectorRegistry()
    for collector in _EVERYWHERE:
        registry.register(collector)
    return registry
