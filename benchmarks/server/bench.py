"""What every scenario works with: the server, the bounds, and people and rooms that are made once and shared."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from benchmarks.server.client import Server, User
from benchmarks.server.database import Databases
from benchmarks.server.measure import Meter, Processes, Row

T = TypeVar("T")
_AT_ONCE = 8


@dataclass
class Bench:
    """`seconds` bounds each measurement; `scale` multiplies the sizes of the large scenarios. `senders` are so many at
    once, where there are many rooms; the `rate` of a steady stream of messages is per second.
    """

    server: Server
    processes: Processes
    seconds: float = 5.0
    scale: float = 1.0
    databases: Databases = field(default_factory=Databases)
    senders: int = 16
    rate: float = 100.0
    _crowd: list[User] = field(default_factory=list)
    _room_of_100: tuple[str, list[User]] | None = None

    def meter(self) -> Meter:
        """A fresh meter over the processes that are watched."""
        return Meter(self.processes, self.databases)

    def sized(self, size: int) -> int:
        """The size of something large, scaled."""
        return max(2, int(size * self.scale))

    async def newcomers(self, number: int) -> list[User]:
        """Users who are in no room."""
        return await gather(number, lambda _: self.server.register(f"bench-{uuid.uuid4().hex[:12]}"))

    async def crowd(self, number: int) -> list[User]:
        """Users who may already be in rooms of other scenarios."""
        if number > len(self._crowd):
            self._crowd += await self.newcomers(number - len(self._crowd))
        return self._crowd[:number]

    async def room_of(self, users: list[User]) -> str:
        """A public room with these members."""
        room = await users[0].create_room()
        await gather(len(users) - 1, lambda i: users[i + 1].join(room))
        return room

    async def room_of_100(self) -> tuple[str, list[User]]:
        """The same room of a hundred members each time: its ID and who they are."""
        if self._room_of_100 is None:
            members = await self.newcomers(100)
            self._room_of_100 = await self.room_of(members), members
        return self._room_of_100


async def gather(number: int, make: Callable[[int], Awaitable[T]], at_once: int = _AT_ONCE) -> list[T]:
    """`make(0)` to `make(number - 1)`, a few at once, in order of their numbers."""
    gate = asyncio.Semaphore(at_once)

    async def one(i: int) -> T:
        async with gate:
            return await make(i)

    return await asyncio.gather(*(one(i) for i in range(number)))


@dataclass(frozen=True)
class Scenario:
    """Something to measure. `large` ones are prepared for minutes and run only when asked for."""

    name: str
    run: Callable[[Bench], Awaitable[Iterable[Row]]]
    large: bool = False
