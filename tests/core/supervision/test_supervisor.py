"""Programs that are supervised: real ones, that end, fail, take their time and are renewed."""

import asyncio
import io
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hs_core.clock import SystemClock
from hs_core.supervision.child import Place, Program
from hs_core.supervision.console import Console
from hs_core.supervision.supervisor import Supervisor

PATIENCE = 60

_BEGIN = """
import signal, sys
from hs_core.notify import READY, notify
signal.signal(signal.SIGTERM, lambda *_: {on_term})
print(*sys.argv[1:], flush=True)
notify(READY)
"""
SERVE = _BEGIN.format(on_term="sys.exit(print('stopped', flush=True))") + "signal.pause()"
END = _BEGIN.format(on_term="None") + "sys.exit(1)"
DEAF = _BEGIN.format(on_term="print('no', flush=True)") + "while True: signal.pause()"
UNREADY = "import signal; print('bad', flush=True); signal.pause()"
MISUSE = "import sys; print('no such plugin', flush=True); sys.exit(2)"


class Impatient(SystemClock):
    """A clock by which every pause is over at once."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if seconds < 20:
            await asyncio.sleep(0)
        else:
            await super().sleep(seconds)

    def random(self) -> float:
        return 0.5


class Paper(io.StringIO):
    """Where the console writes."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def write(self, text: str) -> int:
        self.lines += text.splitlines()
        return len(text)


@dataclass
class Stage:
    """A supervisor at work, and what its programs say."""

    supervisor: Supervisor
    paper: Paper
    clock: Impatient
    up: asyncio.Event = field(default_factory=asyncio.Event)
    hopeful: bool | None = None

    @property
    def lines(self) -> list[str]:
        return self.paper.lines

    async def said(self, line: str, times: int = 1) -> None:
        """Wait until a program has said something."""
        while self.lines.count(line) < times:  # noqa: ASYNC110  # it says so from another process
            await asyncio.sleep(0.005)

    async def run(self) -> None:
        self.hopeful = await self.supervisor.run(self.up.set)


@asynccontextmanager
async def supervised(folder: Path, *programs: Program) -> AsyncIterator[Stage]:
    paper, clock = Paper(), Impatient()
    stage = Stage(Supervisor(programs, Console(paper), clock, folder), paper, clock)
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        group.create_task(stage.run())
        yield stage
        stage.supervisor.stop()


def program(name: str, script: str, *words: str, port: int = 0) -> Program:
    places = frozenset({Place("127.0.0.1", port)} if port else ())
    return Program(name, [sys.executable, "-c", script, *words], places)


async def test_all_are_run_and_their_lines_are_told_apart(tmp_path: Path) -> None:
    async with supervised(tmp_path, program("a", SERVE, "hello"), program("long", SERVE, "hello")) as stage:
        await stage.up.wait()

    assert sorted(stage.lines[:2]) == ["a    | hello", "long | hello"]
    assert sorted(stage.lines[2:]) == ["a    | stopped", "long | stopped"]
    assert stage.hopeful


async def test_what_ends_is_started_again_after_longer_and_longer_pauses(tmp_path: Path) -> None:
    async with supervised(tmp_path, program("a", END, "hello")) as stage:
        await stage.said("a | hello", times=5)

    assert stage.clock.pauses[:4] == [1, 2, 4, 8]


async def test_what_was_asked_wrongly_is_not_started_again_and_does_not_hinder_the_others(tmp_path: Path) -> None:
    async with supervised(tmp_path, program("a", MISUSE), program("b", END, "hello")) as stage:
        await stage.said("b | hello", times=4)

    assert stage.lines.count("a | no such plugin") == 1
    assert stage.hopeful


async def test_when_all_were_asked_wrongly_there_is_nothing_to_supervise(tmp_path: Path) -> None:
    stage: Stage
    async with supervised(tmp_path, program("a", MISUSE), program("b", MISUSE)) as stage:
        while stage.hopeful is None:  # noqa: ASYNC110  # it ends because of other processes
            await asyncio.sleep(0.005)

    assert stage.hopeful is False


async def test_a_renewal_waits_for_each_before_the_next(tmp_path: Path) -> None:
    async with supervised(tmp_path, program("a", SERVE, "old"), program("b", SERVE, "old")) as stage:
        await stage.up.wait()
        renewed = await stage.supervisor.renew([program("a", SERVE, "new"), program("b", SERVE, "new")])
        lines = stage.lines[2:]

    assert renewed
    assert lines == ["a | stopped", "a | new", "b | stopped", "b | new"]


async def test_a_renewal_that_fails_leaves_the_others_alone(tmp_path: Path) -> None:
    async with supervised(tmp_path, program("a", SERVE, "old"), program("b", SERVE, "old")) as stage:
        await stage.up.wait()
        renewed = await stage.supervisor.renew([program("a", MISUSE), program("b", SERVE, "new")])
        lines = stage.lines[2:]
        again = await stage.supervisor.renew([program("a", SERVE, "new"), program("b", SERVE, "new")])

    assert not renewed
    assert lines == ["a | stopped", "a | no such plugin"]
    assert again


async def test_a_renewal_starts_what_is_new_and_stops_what_is_gone(tmp_path: Path) -> None:
    async with supervised(tmp_path, program("old", SERVE, "hello")) as stage:
        await stage.up.wait()
        assert await stage.supervisor.renew([program("new", SERVE, "hello")])
        await stage.said("old | stopped")
        assert list(stage.supervisor.children) == ["new"]

    assert stage.lines == ["old | hello", "new | hello", "old | stopped", "new | stopped"]


async def test_a_new_program_gets_the_port_of_one_that_is_gone_or_moves(tmp_path: Path) -> None:
    old = [program("sync", SERVE, "old", port=1), program("edge", SERVE, "old", port=2)]
    new = [
        program("sync-0", SERVE, "new", port=1),
        program("sync-1", SERVE, "new", port=2),
        program("edge", SERVE, "new", port=3),
        program("free", SERVE, "new", port=4),
    ]
    async with supervised(tmp_path, *old) as stage:
        await stage.up.wait()
        assert await stage.supervisor.renew(new)
        lines = [line.replace(" ", "") for line in stage.lines[2:]]

    assert lines == ["free|new", "sync|stopped", "sync-0|new", "edge|stopped", "sync-1|new", "edge|new"]


async def test_what_is_taken_away_and_given_back_at_once_runs_again(tmp_path: Path) -> None:
    both = [program("a", SERVE, "hello"), program("b", SERVE, "hello")]
    async with supervised(tmp_path, *both) as stage:
        await stage.up.wait()
        assert await stage.supervisor.renew(both[:1])
        assert await stage.supervisor.renew(both)
        assert sorted(stage.supervisor.children) == ["a", "b"]


async def test_a_renewal_that_waits_in_vain_is_overtaken_by_the_next(tmp_path: Path) -> None:
    async with supervised(tmp_path, program("a", SERVE, "old"), program("b", SERVE, "old")) as stage:
        await stage.up.wait()
        stuck = asyncio.ensure_future(stage.supervisor.renew([program("a", UNREADY), program("b", SERVE, "bad")]))
        await stage.said("a | bad")
        assert await stage.supervisor.renew([program("a", SERVE, "new"), program("b", SERVE, "new")])

        assert await stuck is False
        assert "b | bad" not in stage.lines


async def test_what_does_not_stop_is_killed_when_asked_again(tmp_path: Path) -> None:
    async with supervised(tmp_path, program("a", DEAF, "hello")) as stage:
        await stage.up.wait()
        stage.supervisor.stop()
        await stage.said("a | no")

    assert stage.lines == ["a | hello", "a | no"]


def test_lines_of_json_are_left_as_they_are() -> None:
    paper = Paper()
    write = Console(paper).labelled("a")
    write('{"event":"serving","process":"a"}\n')
    write("Traceback\n")

    assert paper.lines == ['{"event":"serving","process":"a"}', "a | Traceback"]


def test_a_console_that_is_gone_stops_nobody() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError("no terminal")

    Console(Gone()).labelled("a")("hello")
