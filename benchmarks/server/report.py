"""The results as a table for people and as JSON for later comparison."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from benchmarks.server.measure import Row


class Report(msgspec.Struct):
    """One run."""

    url: str
    seconds: float
    scale: float
    rows: list[Row]


def save(report: Report, file: Path) -> None:
    """Write a report as JSON."""
    file.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")


def load(file: Path) -> Report:
    """Read a report back; raises msgspec.ValidationError if it is none."""
    return msgspec.json.decode(file.read_bytes(), type=Report)


def table(rows: Sequence[Row], other: Sequence[Row] = ()) -> str:
    """The rows, with the CPU of the same rows of another run beside them if there is one."""
    groups = sorted({name for row in rows for name in row.cpu})
    asked = list(dict.fromkeys(name for row in rows for name in row.database))
    before = {(row.name, row.note): row for row in other} | {(row.name, ""): row for row in other}
    header = ["operation", "count", "per s", "p50 ms", "p95 ms", "p99 ms"]
    header += [f"{name} CPU ms" for name in groups] + [f"{name} MB" for name in groups]
    header += asked
    header += (["other's CPU ms", "ratio"] if other else []) + ["note"]
    lines = [header]
    for row in rows:
        cells = [row.name, *(_numbers(row) if row.operations else [""] * 5)]
        cells += [number(row.cpu.get(name)) for name in groups] + [number(row.memory.get(name)) for name in groups]
        cells += [number(row.database.get(name)) for name in asked]
        if other:
            cells += _compared(row, before.get((row.name, row.note), before.get((row.name, ""))))
        lines.append([*cells, row.note])
    return "\n".join(aligned(lines))


def _numbers(row: Row) -> list[str]:
    return [f"{row.operations:,}", *map(number, (row.per_second, row.p50, row.p95, row.p99))]


def number(value: float | None) -> str:
    """As many digits as tell something."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.3f}"


def _compared(row: Row, other: Row | None) -> list[str]:
    """The total CPU of the other run, and how many times this run's that is."""
    if other is None or not other.operations or not row.operations:
        return ["", ""]
    mine, theirs = sum(row.cpu.values()), sum(other.cpu.values())
    return [number(theirs), f"{theirs / mine:.1f}x" if mine else ""]


def aligned(lines: Sequence[Sequence[str]]) -> Iterable[str]:
    """The lines of a table; the first and the last column are words, the others numbers."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    last = len(widths) - 1
    for line in lines:
        cells = [
            cell.ljust(width) if i in (0, last) else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
