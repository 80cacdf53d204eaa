"""All programs of a deployment on this host: started together, renewed one after the other, stopped together."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import structlog

from hs_core.clock import Clock
from hs_core.supervision.child import Child, Program
from hs_core.supervision.console import Console

log = structlog.get_logger(__name__)

READY_SECONDS: Final = 120.0
"""How long a renewed process may take to be ready, before the renewal of the others is left undone."""


class Supervisor:
    """Runs programs until it is stopped."""

    def __init__(self, programs: Sequence[Program], console: Console, clock: Clock, folder: Path) -> None:
        """`folder` is a directory of its own, for sockets."""
        self.children: dict[str, Child] = {}
        self._first = programs
        self._console = console
        self._clock = clock
        self._folder = folder
        self._group = asyncio.TaskGroup()
        self._stopping = asyncio.Event()
        self._renewing = asyncio.Lock()
        self._newer = asyncio.Event()
        """Set while a renewal goes on and another one has been asked for."""

    async def run(self, up: Callable[[], None]) -> bool:
        """Keep everything running until `stop`. `up` is called when all of them were ready for the first time.

        Returns whether there was anything left to stop: not if no program could be run as it was asked.
        """
        async with self._group:
            for program in self._first:
                self._add(program)
            watching = [
                self._group.create_task(self._tell_when_up(up)),
                self._group.create_task(self._stop_when_hopeless()),
            ]
            await self._stopping.wait()
            hopeful = not self._hopeless()
            for task in watching:
                task.cancel()
            for child in self.children.values():
                child.stop()
        return hopeful

    def stop(self) -> None:
        """Have everything drain and end. Asked again, lose patience."""
        if self._stopping.is_set():
            for child in self.children.values():
                child.kill()
        self._stopping.set()

    async def renew(self, programs: Sequence[Program]) -> bool:
        """Run these programs from now on: what is new is added, then the others are renewed one by one.

        A program that is not ready in time ends the renewal, so that the others stay as they are; so does another
        renewal that is asked for meanwhile. Returns whether all went well.
        """
        self._newer.set()
        async with self._renewing:
            self._newer.clear()
            for program in sorted(programs, key=lambda each: bool(self._in_the_way(each))):
                if self._stopping.is_set() or not await self._renew(program):
                    return False
            await self._end(self.children.keys() - {program.name for program in programs})
            log.info("renewed", processes=len(programs))
            return True

    async def _end(self, names: Iterable[str]) -> None:
        """Have programs stop for good, and wait until they have: they keep their ports and sockets until then."""
        ending = {name: self.children[name] for name in names}
        for name, child in ending.items():
            log.info("process is no longer wanted", name=name)
            child.stop()
        for name, child in ending.items():
            await child.ended.wait()
            del self.children[name]

    def _in_the_way(self, program: Program) -> list[str]:
        """The programs that cannot run beside this one; the one of its own name is one of them."""
        return sorted(
            name for name, child in self.children.items() if name == program.name or child.program.collides(program)
        )

    async def _renew(self, program: Program) -> bool:
        # Under another name, because of another number of replicas say, a program may listen where an old one does.
        await self._end([name for name in self._in_the_way(program) if name != program.name])
        child = self.children.get(program.name)
        if child is None:
            child = self._add(program)
        else:
            log.info("renewing process", name=program.name)
            child.renew(program)
        if await self._is_ready(child):
            return True
        if self._newer.is_set():
            log.info("renewal begun anew", name=program.name)
            return False
        log.error(
            "renewal left undone: the process is not ready",
            name=program.name,
            remedy="see its lines and its /health/ready, put it right, then send SIGHUP again",
        )
        return False

    def _add(self, program: Program) -> Child:
        child = Child(program, self._console.labelled(program.name), self._clock, self._folder)
        self.children[program.name] = child
        self._group.create_task(child.keep_running(), name=program.name)
        return child

    async def _is_ready(self, child: Child) -> bool:
        """Wait until a child can serve; not if it has given up, does not come up in time, or is overtaken."""
        waits = [
            asyncio.ensure_future(each)
            for each in (
                child.ready.wait(),
                child.given_up.wait(),
                self._stopping.wait(),
                self._newer.wait(),
                self._clock.sleep(READY_SECONDS),
            )
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
        return child.ready.is_set()

    async def _tell_when_up(self, up: Callable[[], None]) -> None:
        for child in list(self.children.values()):
            await child.ready.wait()
        up()

    async def _stop_when_hopeless(self) -> None:
        """There is nothing to supervise once no program will be started again."""
        while not self._hopeless():
            for child in list(self.children.values()):
                await child.given_up.wait()
        self._stopping.set()

    def _hopeless(self) -> bool:
        return all(child.given_up.is_set() for child in self.children.values())
