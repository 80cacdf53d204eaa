"""`python -m benchmarks.server --url http://127.0.0.1:8008 --shared-secret S --pid 123`: see benchmarks/README.md."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.server.bench import Bench, Scenario
from benchmarks.server.client import Failed, NotSupported, Server
from benchmarks.server.database import Databases
from benchmarks.server.measure import Processes, Row
from benchmarks.server.report import Report, load, save, table
from benchmarks.server.scenarios import SCENARIOS
from benchmarks.server.startup import launched

_STARTUP = "startup"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure a server; 0 if everything that it supports could be measured."""
    options = _parser().parse_args(arguments)
    rows = asyncio.run(_measure(options, chosen(options.only, options.all)))
    other = load(options.compare).rows if options.compare else []
    print(table(rows, other))
    if options.json:
        save(Report(options.url, options.seconds, options.scale, rows), options.json)
    return 1 if any(row.note.startswith("failed") for row in rows) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.server", description="Measure a Matrix homeserver.")
    add = parser.add_argument
    add("--url", default="http://127.0.0.1:8008", help="where its client API is (%(default)s)")
    add("--shared-secret", required=True, help="its registration shared secret")
    add("--pid", action="append", default=[], metavar="[GROUP=]PID", help="a process whose CPU and memory to count")
    add("--metrics", action="append", default=[], metavar="URL", help="a listener of hs to ask what its database does")
    add("--command", help="start the server with this, measure its start and idling, stop it at the end")
    add("--only", metavar="NAME,...", help=f"any of: {', '.join([_STARTUP, *(each.name for each in SCENARIOS)])}")
    add("--all", action="store_true", help="the large scenarios too")
    add("--seconds", type=float, default=5.0, help="how long to measure each (%(default)s)")
    add("--scale", type=float, default=1.0, help="multiplies the sizes of the large scenarios (%(default)s)")
    add("--senders", type=int, default=16, help="how many send at once into many rooms (%(default)s)")
    add("--rate", type=float, default=100.0, help="messages a second of the steady stream (%(default)s)")
    add("--json", type=Path, metavar="FILE", help="write the results there")
    add("--compare", type=Path, metavar="FILE", help="an earlier --json file, of another server perhaps")
    return parser


def chosen(only: str | None, large: bool) -> list[Scenario]:
    """The scenarios of these names, or all but, perhaps, the large ones."""
    if only is None:
        return [each for each in SCENARIOS if large or not each.large]
    names = set(only.split(","))
    unknown = names - {each.name for each in SCENARIOS} - {_STARTUP}
    if unknown:
        raise SystemExit(f"no scenario {', '.join(sorted(unknown))}; --help lists them")
    return [each for each in SCENARIOS if each.name in names]


def _groups(given: Sequence[str]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for each in given:
        name, _, pid = each.rpartition("=")
        if not pid.isdigit():
            raise SystemExit(f"--pid {each}: a process is given by its number, 123 or postgres=123")
        groups.setdefault(name or "server", []).append(int(pid))
    return groups


async def _measure(options: argparse.Namespace, scenarios: Sequence[Scenario]) -> list[Row]:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(Server(options.url, options.shared_secret))
        bench = Bench(
            server,
            Processes(_groups(options.pid)),
            options.seconds,
            options.scale,
            Databases(options.metrics),
            options.senders,
            options.rate,
        )
        rows: list[Row] = []
        if options.command:
            rows += await stack.enter_async_context(launched(bench, options.command))
        elif options.only and _STARTUP in options.only.split(","):
            raise SystemExit(f"{_STARTUP} needs --command")
        for scenario in scenarios:
            print(f"{scenario.name} ...", file=sys.stderr, flush=True)
            rows += await rows_of(bench, scenario)
    return rows


async def rows_of(bench: Bench, scenario: Scenario) -> list[Row]:
    """What a scenario has measured; a row says so if it could not."""
    rows: list[Row] = []
    try:
        rows += await scenario.run(bench)
    except* NotSupported:
        rows.append(Row(scenario.name, note="not supported"))
    except* Failed as failures:
        rows.append(Row(scenario.name, note=f"failed: {_first(failures)}"))
    return rows


def _first(error: BaseException) -> BaseException:
    """The first of the errors that tasks which ran side by side have raised."""
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


if __name__ == "__main__":
    sys.exit(main())
