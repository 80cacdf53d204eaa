"""`hs up`, as people run it: the real command, with real servers below it."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from select import select
from threading import Thread

import pytest

from hs_core.testing.redis import RedisServer

HS = Path(sys.executable).with_name("hs")
PATIENCE = 60
SETTINGS = "server_name: example.org\nlisteners: [{port: 0}]\n"

DEPLOYMENT = """
server_name: up.test
database: {{url: "{database}"}}
redis: {{url: "{redis}"}}
cluster: {{secret: sesame}}
processes:
  rooms: {{plugins: [rooms], replicas: 2}}
  rest: {{plugins: ["*"], except: [rooms], listeners: [{{port: 0}}]}}
"""
NAMES = ("rooms-0", "rooms-1", "rest")


class Up:
    """A running `hs up`."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "hs.yaml"
        self.process = subprocess.Popen(
            [HS, "up", "-c", self.file], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=folder
        )

        self._lines: Queue[str] = Queue()
        self._reading = Thread(target=self._read)
        self._reading.start()

    def until(self, *patterns: str) -> str:
        """Wait for a line for each of these, in any order; returns the last of them. Fails if there are no more."""
        missing, seen = list(patterns), list[str]()
        while missing:
            line = self._lines.get(timeout=PATIENCE)
            assert line, f"no line with {missing}: {seen}"
            seen.append(line)
            missing = [pattern for pattern in missing if not re.search(pattern, line)]
        return seen[-1]

    def rest(self) -> list[str]:
        """All further lines, once it and its servers have ended."""
        self._reading.join(PATIENCE)
        return [line for line in self._lines.queue if line]

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.put(line)
        self._lines.put("")


@contextmanager
def up(folder: Path, settings: str = SETTINGS) -> Iterator[Up]:
    (folder / "hs.yaml").write_text(settings)
    running = Up(folder)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()
        running.rest()


def test_a_server_of_one_process_is_run_and_drained(tmp_path: Path) -> None:
    with up(tmp_path) as running:
        running.until(r"^hs \| .*serving", r"^up \| .*process is ready")
        running.process.send_signal(signal.SIGTERM)
        running.until(r"^hs \| .*stopped")

        assert running.rest() == []
        assert running.process.wait() == 0


def test_a_hangup_renews_the_server_unless_the_new_configuration_is_wrong(tmp_path: Path) -> None:
    with up(tmp_path) as running:
        running.until("process is ready")
        running.file.write_text(f"{SETTINGS}medai: {{}}\n")
        running.process.send_signal(signal.SIGHUP)
        assert "unknown key 'medai'" in running.until("nothing is renewed")
        running.file.write_text(SETTINGS)
        running.process.send_signal(signal.SIGHUP)
        running.until("renewing process")
        running.until("stopped")
        running.until("serving", "process is ready", "renewed")


def test_servers_drain_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "hs.log"
    with up(tmp_path, f"{SETTINGS}logging: {{file: {log}}}\n") as running:
        until(lambda: log.exists() and "process is ready" in log.read_text())
        (child,) = children(running.process.pid)
        gone = os.pidfd_open(child)
        running.process.kill()

        assert select([gone], [], [], PATIENCE)[0]
        os.close(gone)
        assert [word for word in log.read_text().split() if word in {"draining", "stopped"}] == ["draining", "stopped"]


def test_a_server_that_cannot_run_as_asked_is_not_tried_again(tmp_path: Path) -> None:
    key = tmp_path / "data" / "signing.key"
    key.parent.mkdir()
    key.write_text("this is no key\n")
    with up(tmp_path) as running:
        assert str(key) in running.until(r"^hs \| hs:")
        running.until("process not started again")
        assert "hs: no process could be run as the configuration asks" in running.until("^hs: ")
        assert running.process.wait() == 2


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_the_processes_of_a_deployment_are_renewed_one_by_one(
    tmp_path: Path, database_url: str, redis_server: RedisServer
) -> None:
    settings = DEPLOYMENT.format(database=database_url, redis=redis_server.url())
    with up(tmp_path, settings) as running:
        running.until(*(f"process is ready .*name={name} " for name in NAMES))
        running.process.send_signal(signal.SIGHUP)
        for name in NAMES:
            assert f"name={name} " in running.until("renewing process")
            running.until(rf"^{name} +\| .*stopped")
            running.until(rf"^{name} +\| .*serving", f"process is ready .*name={name} ")
        running.process.send_signal(signal.SIGINT)

        assert sum("stopped" in line for line in running.rest()) == len(NAMES)
        assert running.process.wait() == 0


def until(condition: Callable[[], bool]) -> None:
    """Wait for what other processes do."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def test_colours_are_for_terminals(tmp_path: Path) -> None:
    with up(tmp_path) as running:
        assert "\033[" not in running.until("serving")
