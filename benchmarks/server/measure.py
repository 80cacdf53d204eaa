"""CPU, memory and latency. The CPU is that of the server's processes, as the kernel accounts for it (Linux)."""

from __future__ import annotations

import asyncio
import os
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from benchmarks.server.database import Databases

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")

Act = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class _Stat:
    parent: int
    cpu: float
    memory: int


def _stats() -> dict[int, _Stat]:
    """Every process of the machine. A process counts the CPU of its children once they are gone (cutime, cstime)."""
    found = {}
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            try:
                fields = (each / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):  # gone since the listing
                continue
            cpu = sum(map(int, fields[11:15])) / _TICKS
            found[int(each.name)] = _Stat(int(fields[1]), cpu, int(fields[21]) * _PAGE)
    return found


class Processes:
    """Groups of processes by name (`server`, `postgres`, ...), each with all its descendants."""

    def __init__(self, groups: Mapping[str, Sequence[int]]) -> None:
        self._groups = {name: list(pids) for name, pids in groups.items()}

    def add(self, group: str, pid: int) -> None:
        """Watch one more."""
        self._groups.setdefault(group, []).append(pid)

    def cpu(self) -> dict[str, float]:
        """Seconds of CPU used so far by each group."""
        return {name: sum(each.cpu for each in stats) for name, stats in self._sample()}

    def memory(self) -> dict[str, int]:
        """Resident bytes of each group now; pages that processes share count for each of them."""
        return {name: sum(each.memory for each in stats) for name, stats in self._sample()}

    def _sample(self) -> Iterator[tuple[str, list[_Stat]]]:
        stats = _stats()
        children: dict[int, list[int]] = {}
        for pid, stat in stats.items():
            children.setdefault(stat.parent, []).append(pid)
        for name, pids in self._groups.items():
            missing = [pid for pid in pids if pid not in stats]
            if missing:
                raise SystemExit(f"no process {missing[0]} (of the group {name})")
            yield name, [stats[pid] for pid in _descendants(pids, children)]


def _descendants(pids: Iterable[int], children: Mapping[int, list[int]]) -> set[int]:
    todo, seen = list(pids), set[int]()
    while todo:
        pid = todo.pop()
        if pid not in seen:
            seen.add(pid)
            todo += children.get(pid, [])
    return seen


@dataclass(frozen=True)
class Row:
    """One line of the report. Latencies in ms; `cpu` in ms per operation and `memory` in MB, by group of processes."""

    name: str
    operations: int = 0
    per_second: float = 0.0
    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)
    database: dict[str, float] = field(default_factory=dict)
    """What was asked of the database, per operation."""
    note: str = ""


class Meter:
    """Adds up what happens inside its windows; what is prepared between them does not count."""

    def __init__(self, processes: Processes, databases: Databases | None = None) -> None:
        self._processes = processes
        self._databases = databases or Databases()
        self._cpu: dict[str, float] = {}
        self._asked: dict[str, float] = {}
        self._elapsed = 0.0
        self.latencies: list[float] = []

    @contextmanager
    def window(self) -> Iterator[None]:
        """Count the CPU and the time of what happens inside."""
        asked = self._databases.counts()
        before, started = self._processes.cpu(), perf_counter()
        yield
        self._elapsed += perf_counter() - started
        for name, seconds in self._processes.cpu().items():
            self._cpu[name] = self._cpu.get(name, 0.0) + seconds - before[name]
        for name, number in self._databases.counts().items():
            self._asked[name] = self._asked.get(name, 0.0) + number - asked[name]

    async def timed(self, act: Act) -> None:
        """One operation."""
        started = perf_counter()
        await act()
        self.latencies.append(perf_counter() - started)

    async def drive(self, lanes: Sequence[Iterable[Act]], seconds: float) -> None:
        """Run each lane's acts one after the other, the lanes side by side, for so many seconds or until they end."""
        end = perf_counter() + seconds

        async def follow(acts: Iterable[Act]) -> None:
            for act in acts:
                if perf_counter() > end:
                    return
                await self.timed(act)

        with self.window():
            async with asyncio.TaskGroup() as group:
                for lane in lanes:
                    group.create_task(follow(lane))

    def row(self, name: str, note: str = "") -> Row:
        """The line for what was counted; an operation is whatever got a latency."""
        count = len(self.latencies)
        if not count:
            return Row(name, note=note or "nothing was measured")
        cuts = statistics.quantiles(self.latencies, n=100, method="inclusive") if count > 1 else self.latencies * 99
        return Row(
            name=name,
            operations=count,
            per_second=count / self._elapsed,
            p50=cuts[49] * 1000,
            p95=cuts[94] * 1000,
            p99=cuts[98] * 1000,
            cpu={group: used * 1000 / count for group, used in self._cpu.items()},
            memory={group: used / 1e6 for group, used in self._processes.memory().items()},
            database={name: number / count for name, number in self._asked.items()},
            note=note,
        )


@asynccontextmanager
async def background(*work: Awaitable[None]) -> AsyncIterator[None]:
    """Do `work`, which need not end by itself, while the body runs; if it fails, so does the body."""

    async def run(each: Awaitable[None]) -> None:
        await each

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run(each)) for each in work]
        yield
        for task in tasks:
            task.cancel()
