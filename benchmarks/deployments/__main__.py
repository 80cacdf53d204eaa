"""`python -m benchmarks.deployments half-the-rooms cluster --only send-50-rooms`: see benchmarks/README.md."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.deployments.layouts import LAYOUTS
from benchmarks.server.__main__ import chosen, rows_of
from benchmarks.server.bench import Bench
from benchmarks.server.client import Server
from benchmarks.server.database import Databases
from benchmarks.server.measure import Processes, Row
from benchmarks.server.report import aligned, number
from hs_core.testing.deployment import SECRET, deployed
from hs_core.testing.postgres import PostgresServer, run_postgres
from hs_core.testing.redis import RedisServer, run_redis

POSTGRES: Final = "postgres"
REDIS: Final = "redis"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the layouts that are named, in turn, as many rounds as are asked for."""
    options = _parser().parse_args(arguments)
    measured: dict[str, list[Row]] = {name: [] for name in options.layouts}
    with run_postgres(durable=options.durable) as postgres, run_redis() as redis:
        for turn in range(options.rounds):
            for name in options.layouts:
                print(f"round {turn + 1}: {name}", file=sys.stderr, flush=True)
                measured[name] += asyncio.run(_measure(name, options, postgres, redis))
    print(_table(measured))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.deployments", description="Compare deployments of hs, started for the purpose."
    )
    add = parser.add_argument
    add(
        "layouts",
        nargs="+",
        type=_layout,
        metavar="LAYOUT[:SENDERS]",
        help=f"any of {', '.join(LAYOUTS)}, with 16 senders if not told otherwise; the first is compared with",
    )
    add("--only", metavar="NAME,...", default="send-50-rooms,delivery,incremental-sync", help="what (%(default)s)")
    add("--seconds", type=float, default=5.0, help="how long to measure each (%(default)s)")
    add("--rounds", type=int, default=3, help="how often, the layouts in turn (%(default)s)")
    add("--rate", type=float, default=100.0, help="messages a second of the steady stream (%(default)s)")
    add("--durable", action="store_true", help="a PostgreSQL that waits for the disk")
    return parser


def _layout(given: str) -> str:
    name, _, senders = given.partition(":")
    if name not in LAYOUTS or not (senders or "16").isdigit():
        raise argparse.ArgumentTypeError(f"{given}; there are {', '.join(LAYOUTS)}")
    return given


async def _measure(layout: str, options: argparse.Namespace, postgres: PostgresServer, redis: RedisServer) -> list[Row]:
    name, _, senders = layout.partition(":")
    processes, door = LAYOUTS[name].processes, LAYOUTS[name].door
    database = postgres.create_database()
    try:
        async with AsyncExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory()))
            url = postgres.url(database)
            deployment = await stack.enter_async_context(deployed(folder, url, redis.url(), processes))
            server = await stack.enter_async_context(Server(deployment[door].url, SECRET))
            watched = {name: [each.process.pid] for name, each in deployment.processes.items()}
            watched |= {REDIS: [redis.pid], POSTGRES: [postgres.pid]}
            bench = Bench(
                server,
                Processes(watched),
                options.seconds,
                databases=Databases(deployment.urls),
                senders=int(senders or 16),
                rate=options.rate,
            )
            return [row for scenario in chosen(options.only, False) for row in await rows_of(bench, scenario)]
    finally:
        postgres.drop_database(database)


def _table(measured: Mapping[str, Sequence[Row]]) -> str:
    """CPU in ms per operation: the mean of all rounds, and how much more that is than with the first layout."""
    lines = [["operation", "layout", "CPU ms", "in each round", "against", "PostgreSQL", "Redis", "p50 ms", "of which"]]
    for scenario in dict.fromkeys(row.name for rows in measured.values() for row in rows):
        first: float | None = None
        for layout, rows in measured.items():
            same = [row for row in rows if row.name == scenario]
            good = [row for row in same if row.operations]
            if not good:
                lines.append([scenario, layout, *[""] * 6, same[0].note if same else ""])
                continue
            total = fmean(map(_total, good))
            first = first or total
            shown = (total, *(fmean(row.cpu[name] for row in good) for name in (POSTGRES, REDIS)))
            cpu, postgres, redis = map(number, shown)
            rounds = " ".join(f"{_total(row):.2f}" for row in good)
            p50 = number(fmean(row.p50 for row in good))
            lines.append(
                [scenario, layout, cpu, rounds, f"{total / first - 1:+.0%}", postgres, redis, p50, _rest(good)]
            )
    return "\n".join(aligned(lines))


def _total(row: Row) -> float:
    return sum(row.cpu.values())


def _rest(rows: Sequence[Row]) -> str:
    """Each process's CPU, then what was asked of the database, per operation."""
    cpu = {name: fmean(row.cpu[name] for row in rows) for name in rows[0].cpu if name not in (POSTGRES, REDIS)}
    asked = {name: fmean(row.database[name] for row in rows) for name in rows[0].database}
    return ", ".join(f"{name} {value:.2f}" for name, value in (cpu | asked).items())


if __name__ == "__main__":
    sys.exit(main())
