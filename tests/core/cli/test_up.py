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
from select import select

HS = Path(sys.executable).with_name("hs")
PATIENCE = 60
SETTINGS = "server_name: example.org\nlisteners: [{port: 0}]\n"


class Up:
    """A running `hs up`."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "hs.yaml"
        self.process = subprocess.Popen(
            [HS, "up", "-c", self.file], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=folder
        )

    def until(self, pattern: str) -> str:
        """The first line from here on that has this in it. Fails when there are no more lines."""
        assert self.process.stderr is not None
        lines = []
        for line in self.process.stderr:
            lines.append(line)
            if re.search(pattern, line):
                return line
        raise AssertionError(f"no line with {pattern!r}: {lines}")

    def rest(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read()


@contextmanager
def up(folder: Path, settings: str = SETTINGS) -> Iterator[Up]:
    (folder / "hs.yaml").write_text(settings)
    running = Up(folder)
    try:
        yield running
    finally:
        running.process.kill()
        running.rest()  # ends when the servers have
        running.process.wait()


def test_a_server_of_one_process_is_run_and_drained(tmp_path: Path) -> None:
    with up(tmp_path) as running:
        running.until(r"^hs \| .*serving")
        running.until(r"^up \| .*process is ready")
        running.process.send_signal(signal.SIGTERM)
        running.until(r"^hs \| .*stopped")

        assert running.rest() == ""
        assert running.process.wait() == 0


def test_a_hangup_renews_the_server_unless_the_new_configuration_is_wrong(tmp_path: Path) -> None:
    with up(tmp_path) as running:
        running.until("process is ready")
        running.file.write_text(f"{SETTINGS}medai: {{}}\n")
        running.process.send_signal(signal.SIGHUP)
        assert "unknown key 'medai'" in running.until("nothing is renewed")
        running.file.write_text(SETTINGS)
        running.process.send_signal(signal.SIGHUP)
        for line in ("renewing process", "stopped", "serving", "process is ready", "renewed"):
            running.until(line)


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
