"""Starting the server: how long until it answers, and what it takes while nobody is there."""

from __future__ import annotations

import asyncio
import shlex
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter

import aiohttp

from benchmarks.server.bench import Bench
from benchmarks.server.client import Failed
from benchmarks.server.measure import Row

_PATIENCE = 120.0
_IDLE_SECONDS = 10


@asynccontextmanager
async def launched(bench: Bench, command: str) -> AsyncIterator[list[Row]]:
    """Run `command`, watch it as the group `server`, and stop it at the end; yields the rows about its start.

    A command that leaves its server behind and exits cannot be measured.
    """
    started = perf_counter()
    process = await asyncio.create_subprocess_exec(*shlex.split(command), stdout=DEVNULL)
    bench.processes.add("server", process.pid)
    try:
        meter = bench.meter()
        await meter.timed(lambda: _first_answer(bench, process))
        took = perf_counter() - started
        cpu = {"server": bench.processes.cpu()["server"] * 1000}
        memory = {name: used / 1e6 for name, used in bench.processes.memory().items()}
        ms = took * 1000
        start = Row("startup", 1, 1 / took, ms, ms, ms, cpu, memory, note="to the first answer")
        yield [start, await _idle(bench)]
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _first_answer(bench: Bench, process: Process) -> None:
    end = perf_counter() + _PATIENCE
    while perf_counter() < end:
        if process.returncode is not None:
            raise Failed(f"the server's command exited with {process.returncode}")
        try:
            await bench.server.call("GET", "/_matrix/client/versions")
        except (aiohttp.ClientError, Failed):
            await asyncio.sleep(0.02)
        else:
            return
    raise Failed(f"no answer within {_PATIENCE:g} s of the start")


async def _idle(bench: Bench) -> Row:
    """The CPU of a second in which nothing happens."""
    meter = bench.meter()
    with meter.window():
        await asyncio.sleep(_IDLE_SECONDS)
    meter.latencies = [0.0] * _IDLE_SECONDS
    return meter.row("idle", "the operation is a second of doing nothing")
