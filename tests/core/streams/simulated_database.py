"""SQLite without threads and without a file, in simulated time: slow, now and then away, and left behind by crashes."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable
from pathlib import Path
from typing import TypeVar

from hs_core.clock import Clock
from hs_core.db import Database, DatabaseUnavailable, Engine, Transaction
from hs_core.db.sqlite_session import SqliteTransaction, connect

T = TypeVar("T")


class SimulatedServer:
    """The data, which all processes share."""

    def __init__(self, chance: Callable[[], float], clock: Clock) -> None:
        self.connection = connect(Path(":memory:"))
        self.chance = chance
        self.clock = clock
        self.away = 0.0
        """The share of units of work that fail."""

    def read(self, work: Callable[[Transaction], T]) -> T:
        """What is committed at this moment."""
        return work(SqliteTransaction(self.connection, []))


class SimulatedDatabase(Database):
    """One process's access to a `SimulatedServer`."""

    engine: Engine = "sqlite"

    def __init__(self, server: SimulatedServer) -> None:
        self._server = server
        self._commits: deque[list[Callable[[], None]]] = deque()
        self._crashed = False

    def crash(self) -> None:
        """Nothing that is under way comes back; what is committed stays."""
        self._crashed = True

    async def read(self, work: Callable[[Transaction], T], *, rows: int | None = None) -> T:
        await self._pause()
        self._fail_perhaps()
        result, _ = self._run(work)
        await self._pause()
        return result

    async def write(self, work: Callable[[Transaction], T]) -> T:
        await self._pause()
        self._fail_perhaps()
        result, callbacks = self._run(work)
        self._commits.append(callbacks)
        await self._pause()
        if self._server.chance() < self._server.away:
            callbacks.clear()
            raise DatabaseUnavailable("the connection was lost during the commit")
        while any(callbacks is each for each in self._commits):  # those before it come home before it
            for callback in self._commits.popleft():
                callback()
        return result

    def stream(self, work: Callable[[Transaction], Iterable[T]], batch: int = 500) -> AsyncGenerator[list[T], None]:
        raise AssertionError("streams do not export")

    async def healthy(self) -> bool:
        return True

    async def close(self) -> None:
        """There is nothing to close: the data outlives its processes."""

    def _run(self, work: Callable[[Transaction], T]) -> tuple[T, list[Callable[[], None]]]:
        callbacks: list[Callable[[], None]] = []
        tx = SqliteTransaction(self._server.connection, callbacks)
        self._server.connection.execute("BEGIN")
        try:
            result = work(tx)
        except BaseException:
            self._server.connection.execute("ROLLBACK")
            raise
        self._server.connection.execute("COMMIT")
        return result, callbacks

    async def _pause(self) -> None:
        await self._server.clock.sleep(self._server.chance() * 0.05)
        if self._crashed:
            await asyncio.get_running_loop().create_future()

    def _fail_perhaps(self) -> None:
        if self._server.chance() < self._server.away:
            raise DatabaseUnavailable("away")
