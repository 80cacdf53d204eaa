"""An overview as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from hs_core.status.overview import Overview, ProcessState, StreamState

MOST_PLUGINS = 6
"""Named in a row; of more, the number is told."""


def tables(seen: Overview) -> RenderableType:
    """Everything, with what is wrong at the end."""
    return Group(_title(seen), *_what_runs(seen), *_what_is_wrong(seen))


def watched(seen: Overview) -> RenderableType:
    """The same for a screen, which may be too low for all of it: with what is wrong at the beginning."""
    return Group(_title(seen), *_what_is_wrong(seen), *_what_runs(seen))


def _title(seen: Overview) -> RenderableType:
    return Text(f"{seen.server_name}, {seen.database}", style="bold")


def _what_is_wrong(seen: Overview) -> Sequence[RenderableType]:
    return [Text(problem, style="red") for problem in seen.problems] or [Text("all is well", style="green")]


def _what_runs(seen: Overview) -> Sequence[RenderableType]:
    if not seen.processes:
        return []
    names = _names(seen.processes)
    plugins = {plugin for process in seen.processes for plugin in process.plugins} | set(seen.inactive)
    return [
        _processes(seen.processes, names, len(plugins)),
        _owners("stream", seen.streams, names),
        _owners("task", seen.tasks, names),
    ]


def duration(milliseconds: int) -> str:
    """`12 s`, `3 min`, `5 h`, `20 d`: as exact as anybody wants to know."""
    seconds = milliseconds // 1000
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def ranges(slots: Sequence[int]) -> str:
    """`0-3, 7`: sorted numbers, as few words as possible."""
    parts: list[list[int]] = []
    for slot in slots:
        if parts and slot == parts[-1][-1] + 1:
            parts[-1][1:] = [slot]
        else:
            parts.append([slot])
    return ", ".join("-".join(map(str, part)) for part in parts)


def _names(processes: Iterable[ProcessState]) -> Mapping[str, str]:
    """What each process is called, by its ID: by the ID itself, if there are several of that name."""
    processes = list(processes)
    counts = [process.name for process in processes]
    return {each.id: each.name if counts.count(each.name) == 1 else each.id for each in processes}


def _processes(processes: Sequence[ProcessState], names: Mapping[str, str], plugins: int) -> Table:
    table = _table("process", "plugins", "address", "up", "memory", "connections", "behind", "state")
    for each in processes:
        table.add_row(
            escape(names[each.id]),
            escape(_plugins(each.plugins, plugins)),
            escape(each.address),
            "" if each.up_ms is None else duration(each.up_ms),
            "" if each.memory is None else f"{each.memory >> 20} MiB",
            str(each.connections),
            _behind(each.lag),
            _state(each),
        )
    return table


def _plugins(active: Sequence[str], installed: int) -> str:
    if len(active) == installed:
        return "all"
    return ", ".join(active) if len(active) <= MOST_PLUGINS else f"{len(active)} of {installed}"


def _behind(lag: Mapping[str, int]) -> str:
    return ", ".join(f"{escape(stream)} {count}" for stream, count in lag.items() if count) or "nothing"


def _state(process: ProcessState) -> str:
    if process.leaving:
        return "[yellow]leaving"
    return "[green]ready" if process.ready and not process.problems else "[red]see below"


def _owners(kind: str, streams: Sequence[StreamState], names: Mapping[str, str]) -> RenderableType:
    if not streams:
        return Text()
    table = _table(kind, "plugin", "position", "owners of slots", "without owner")
    for each in streams:
        table.add_row(
            escape(each.name.removeprefix("task: ")),
            escape(each.plugin or "?"),
            "" if each.position is None else str(each.position),
            escape(_shares(each, names)),
            f"[red]{ranges(each.unowned)}" if each.unowned else "",
        )
    return table


def _shares(stream: StreamState, names: Mapping[str, str]) -> str:
    """`rooms-0` alone, or how many each has."""
    shares = sorted((names.get(owner, owner), len(slots)) for owner, slots in stream.owners.items())
    if len(shares) == 1 and not stream.unowned:
        return shares[0][0] if stream.slots == 1 else f"{shares[0][0]} all {stream.slots}"
    return ", ".join(f"{name} {count}" for name, count in shares)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
