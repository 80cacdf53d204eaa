"""The measuring instruments themselves: what they count, and how a run without a healthy server ends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from benchmarks.server.__main__ import main
from benchmarks.server.client import Failed, NotSupported, Server
from benchmarks.server.measure import Meter, Processes, Row
from benchmarks.server.report import Report, load, save, table
from benchmarks.server.scenarios import SCENARIOS

NOBODY = Processes({})


async def _nothing() -> None:
    pass


async def test_only_what_is_in_a_window_counts() -> None:
    here = Processes({"here": [os.getpid()]})
    meter = Meter(here)
    _burn(0.2)
    with meter.window():
        await meter.timed(_nothing)

    assert meter.row("x").cpu["here"] < 100
    with meter.window():
        _burn(0.2)
    assert meter.row("x").cpu["here"] >= 150


def test_children_count_while_they_live_and_when_they_are_gone() -> None:
    here = Processes({"here": [os.getpid()]})
    script = "import time; [None for _ in iter(lambda: time.process_time() < 0.3, False)]; print(flush=True); input()"
    before = here.cpu()["here"], here.memory()["here"]
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        living = here.cpu()["here"], here.memory()["here"]
        child.communicate(b"\n")
    gone = here.cpu()["here"]

    assert living[0] - before[0] >= 0.25
    assert living[1] > before[1]
    assert gone >= living[0] - 0.02


def test_a_process_that_is_not_there_ends_the_run() -> None:
    with pytest.raises(SystemExit, match="no process 4194999"):
        Processes({"server": [4_194_999]}).cpu()


async def test_lanes_end_with_their_acts() -> None:
    done: list[int] = []

    async def act(n: int) -> None:
        done.append(n)

    meter = Meter(NOBODY)
    await meter.drive([[lambda: act(1), lambda: act(2)], [lambda: act(3)]], seconds=60)

    assert sorted(done) == [1, 2, 3]
    assert meter.row("x").operations == 3


def test_percentiles_are_those_of_the_operations() -> None:
    meter = Meter(NOBODY)
    with meter.window():
        meter.latencies = [n / 1000 for n in range(1, 102)]
    row = meter.row("x")

    assert (round(row.p50), round(row.p95), round(row.p99)) == (51, 96, 100)


def test_a_report_is_read_back_and_compared_by_total_cpu(tmp_path: Path) -> None:
    theirs = Row("send", 10, 1.0, 2.0, 3.0, 4.0, {"server": 8.0, "postgres": 4.0}, {"server": 100.0})
    save(Report("http://x", 5.0, 1.0, [theirs]), tmp_path / "theirs.json")
    mine = Row("send", 10, 1.0, 2.0, 3.0, 4.0, {"server": 1.5}, {"server": 50.0})

    shown = table([mine, Row("typing", note="not supported")], load(tmp_path / "theirs.json").rows)

    assert "8.0x" in shown.splitlines()[1]
    assert shown.splitlines()[2].endswith("not supported")


def test_names_of_scenarios_are_checked_before_anything_is_done() -> None:
    with pytest.raises(SystemExit, match="no scenario fly"):
        main(["--shared-secret", "s", "--only", "fly,versions"])


def test_every_scenario_has_a_name_of_its_own() -> None:
    assert len({each.name for each in SCENARIOS}) == len(SCENARIOS)


@pytest.fixture
async def grumpy() -> AsyncIterator[Server]:
    """A server that has but three answers."""
    app = web.Application()
    said = {"limited": (429, "M_LIMIT_EXCEEDED"), "unknown": (404, "M_UNRECOGNIZED"), "missing": (404, "M_NOT_FOUND")}

    async def answer(request: web.Request) -> web.Response:
        status, code = said[request.match_info["what"]]
        return web.json_response({"errcode": code, "error": ""}, status=status)

    app.router.add_get("/{what}", answer)
    async with TestServer(app) as running, Server(str(running.make_url("/")), "s") as server:
        yield server


async def test_an_endpoint_that_a_server_lacks_is_not_a_failure(grumpy: Server) -> None:
    with pytest.raises(NotSupported):
        await grumpy.call("GET", "/unknown")
    with pytest.raises(Failed, match="M_NOT_FOUND") as failed:
        await grumpy.call("GET", "/missing")

    assert not isinstance(failed.value, NotSupported)


async def test_a_limited_request_tells_how_to_go_on(grumpy: Server) -> None:
    with pytest.raises(Failed, match="lift the server's rate limits"):
        await grumpy.call("GET", "/limited")


def _burn(seconds: float) -> None:
    end = sum(os.times()[:2]) + seconds
    while sum(os.times()[:2]) < end:
        pass
