"""One program that is kept running: started again when it ends, told to stop, heard when it is ready."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from hs_core.backoff import failures_after, pause
from hs_core.clock import Clock
from hs_core.config import ANY_ADDRESS
from hs_core.notify import READY, SOCKET, SUPERVISOR
from hs_core.process import DRAIN_SECONDS

log = structlog.get_logger(__name__)

STOP_SECONDS: Final = DRAIN_SECONDS + 15
"""Requests finish, then what is owned is handed over and the database is closed. Only then patience is lost."""

MISUSED: Final = 2
"""The exit status of a program that was asked wrongly: trying again will not help."""

LONGEST_LINE: Final = 1 << 20
"""Bytes of one line of a log."""


@dataclass(frozen=True, slots=True)
class Place:
    """An address and port, or the file of a Unix socket, at which there is one listener at a time."""

    bind: str = ""
    port: int = 0
    socket: Path | None = None

    def meets(self, other: Place) -> bool:
        """Whether there can be one of both only."""
        if self.socket is not None or other.socket is not None:
            return self.socket == other.socket
        return self.port == other.port and (
            self.bind == other.bind or not ANY_ADDRESS.isdisjoint((self.bind, other.bind))
        )


@dataclass(frozen=True, slots=True)
class Program:
    """What is to run, and what it is called."""

    name: str
    command: Sequence[str]
    places: frozenset[Place] = frozenset()
    """Where it listens. Two programs with one place cannot run at once."""

    def collides(self, other: Program) -> bool:
        """Whether it cannot listen as long as the other does."""
        return any(one.meets(another) for one in self.places for another in other.places)


class Child:
    """A program of the supervisor's."""

    def __init__(self, program: Program, write_line: Callable[[str], None], clock: Clock, folder: Path) -> None:
        """Its output goes to `write_line`, line by line; it says that it is ready on a socket in `folder`."""
        self.program = program
        self.ready = asyncio.Event()
        """It has said that it can serve."""
        self.given_up = asyncio.Event()
        """It ended in a way that will not get better by itself, and is started again only by `renew`."""
        self.ended = asyncio.Event()
        """It was told to stop, and has."""
        self._write_line = write_line
        self._clock = clock
        self._address = folder / f"{program.name.replace('/', '_')}.notify"
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        self._wanted = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """Of the program while it runs."""
        return None if self._process is None else self._process.pid

    async def keep_running(self) -> None:
        """Run the program, again and again, until `stop`."""
        failures = 0
        with self._listening():
            while not self._stopping:
                self._wanted.clear()
                began = self._clock.monotonic()
                status = await self._run()
                self.ready.clear()
                if self._wanted.is_set():
                    failures = 0
                    continue
                failures = failures_after(failures, self._clock.monotonic() - began)
                await self._after_end(status, failures)
        self.ended.set()

    def renew(self, program: Program) -> None:
        """Have the program stop if it runs, and run this one from now on."""
        self.program = program
        self.ready.clear()
        self.given_up.clear()
        self._wanted.set()
        self._signal(signal.SIGTERM)

    def stop(self) -> None:
        """Have the program stop, for good."""
        self._stopping = True
        self._wanted.set()
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Have no more patience."""
        self._signal(signal.SIGKILL)

    async def _run(self) -> int:
        """One life of the program; its exit status."""
        self._process = process = await asyncio.create_subprocess_exec(
            *self.program.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._environment(os.environ),
            limit=LONGEST_LINE,
            process_group=0,  # Ctrl-C is for the supervisor, who knows what to do about it
        )
        log.debug("process started", name=self.program.name, pid=process.pid)
        assert process.stdout is not None
        if self._wanted.is_set():  # meanwhile
            self._signal(signal.SIGTERM)
        try:
            async with asyncio.TaskGroup() as group:
                relaying = group.create_task(self._relay(process.stdout))
                patience = group.create_task(self._lose_patience())
                status = await process.wait()
                patience.cancel()
                with suppress(TimeoutError):  # somebody else may have inherited the pipe
                    async with asyncio.timeout(1):
                        await asyncio.shield(relaying)
                relaying.cancel()
        finally:
            if process.returncode is None:
                process.kill()
            self._process = None
        return status

    async def _lose_patience(self) -> None:
        """Kill a program that does not stop."""
        await self._wanted.wait()
        await self._clock.sleep(STOP_SECONDS)
        log.warning("process killed, it did not stop", name=self.program.name, seconds=STOP_SECONDS)
        self.kill()

    async def _after_end(self, status: int, failures: int) -> None:
        """Say what has happened, and wait until it is time for the next start."""
        how = f"signal {-status}" if status < 0 else f"status {status}"
        if status == MISUSED:
            log.error(
                "process not started again: it was asked wrongly, see its last lines",
                name=self.program.name,
                remedy="put it right, then send SIGHUP to hs up",
            )
            self.given_up.set()
            await self._wanted.wait()
            return
        seconds = pause(failures, self._clock.random())
        log.warning("process ended", name=self.program.name, how=how, again_in=f"{seconds:.1f} s")
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        wanted = asyncio.ensure_future(self._wanted.wait())
        try:
            await asyncio.wait([sleeping, wanted], return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            wanted.cancel()

    async def _relay(self, output: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await output.readline()
            except ValueError:  # a line longer than anybody reads; what there is of it is gone
                continue
            if not line:
                return
            self._write_line(line.decode(errors="replace"))

    def _listening(self) -> _NotifySocket:
        return _NotifySocket(self._address, self._hear)

    def _hear(self, state: str) -> None:
        if READY in state.splitlines() and not self._wanted.is_set():
            log.info("process is ready", name=self.program.name)
            self.ready.set()

    def _environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        return {**environ, SOCKET: str(self._address), SUPERVISOR: str(os.getpid()), "PYTHONUNBUFFERED": "1"}

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)


class _NotifySocket:
    """Hears what a program tells its supervisor."""

    def __init__(self, address: Path, hear: Callable[[str], None]) -> None:
        self._address = address
        self._hear = hear
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)

    def __enter__(self) -> None:
        self._socket.bind(str(self._address))
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self._address.unlink(missing_ok=True)

    def _read(self) -> None:
        with suppress(BlockingIOError):
            while True:
                self._hear(self._socket.recv(4096).decode(errors="replace"))
