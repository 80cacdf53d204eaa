"""Every Prometheus metric of the core, by name and unit.

Names begin with `hs_`, say their unit, and are in the singular of what a label tells apart. A labelled child is bound
once, where the part that counts is made: looking it up each time costs several times the counting. A plugin makes its
own metrics with `registry=REGISTRY` and names that begin with `hs_` and its own.
"""

from typing import Final

from prometheus_client import (
    GC_COLLECTOR,
    PLATFORM_COLLECTOR,
    PROCESS_COLLECTOR,
    CollectorRegistry,
    Counter,
)

REGISTRY: Final = CollectorRegistry()
for _collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
    REGISTRY.register(_collector)

HOOK_FAILURES: Final = Counter("hs_hook_failures", "Hook calls that raised", ["hook", "plugin"], registry=REGISTRY)
