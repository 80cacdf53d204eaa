"""Measure operations in CPU time and print them beside what they should take.

A package of measurements has one module per area; each has a function `measurements() -> list[Measurement]`. Modules
are found by being there, so an area adds a file and changes none.
"""

import gc
import importlib
import pkgutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import ModuleType

ROUNDS = 7
ROUND_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Measurement:
    """An operation to repeat. `target_us` is how many microseconds of one core it should take at most."""

    name: str
    operation: Callable[[], object]
    target_us: float | None = None


def microseconds_of(operation: Callable[[], object]) -> float:
    """CPU time of one call: the best of some rounds, since everything that disturbs a round makes it longer."""
    operation()
    calls = _calls_per_round(operation)
    gc.collect()
    return min(_round(operation, calls) for _ in range(ROUNDS)) / calls * 1e6


def run(package: ModuleType) -> None:
    """Measure everything in a package and print a table."""
    for module in _modules(package):
        print(f"\n{module.__name__.rpartition('.')[2]}")
        report(module.measurements())


def report(measurements: Iterable[Measurement]) -> None:
    """Print one line per measurement as soon as it is known."""
    for measurement in measurements:
        taken = microseconds_of(measurement.operation)
        print(f"  {measurement.name:<58} {taken:>12,.1f} us  {_verdict(taken, measurement.target_us)}")


def _verdict(taken: float, target: float | None) -> str:
    if target is None:
        return ""
    return f"{'ok' if taken <= target else 'OVER'} (target {target:,.0f} us)"


def _modules(package: ModuleType) -> list[ModuleType]:
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return [importlib.import_module(f"{package.__name__}.{name}") for name in names if not name.startswith("_")]


def _calls_per_round(operation: Callable[[], object]) -> int:
    calls = 1
    while (taken := _round(operation, calls)) < ROUND_SECONDS / 4:
        calls *= 4
    return max(1, round(calls * ROUND_SECONDS / taken))


def _round(operation: Callable[[], object], calls: int) -> float:
    started = time.process_time()
    for _ in range(calls):
        operation()
    return time.process_time() - started
