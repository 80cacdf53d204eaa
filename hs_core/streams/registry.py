"""The streams of one process: a writer for those it may write, a follower for those it needs to read."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Any, TypeVar, cast

import msgspec

from hs_core.clock import Clock
from hs_core.cluster.leases import Leases, create_slots
from hs_core.db import Database
from hs_core.plugin.declaration import Stream
from hs_core.streams.announcer import Announcer
from hs_core.streams.bus import Bus
from hs_core.streams.follower import Follower
from hs_core.streams.memory_follower import MemoryFollower
from hs_core.streams.numbers import Numbers
from hs_core.streams.writer import Writer

Row = TypeVar("Row", bound=msgspec.Struct)

TURNS = 2
"""Transactions of one stream that a process has in hand on PostgreSQL: one that commits, one that prepares.

They take turns at the lock on the position anyway; to wait for it in the database costs more, and a connection each.
"""


class Streams:
    """Typed access by declaration: `streams.writer(EVENTS)`, `streams.follower(EVENTS)`."""

    def __init__(self, db: Database, leases: Leases, bus: Bus, clock: Clock) -> None:
        self._db = db
        self._leases = leases
        self._bus = bus
        self._clock = clock
        self._known: dict[str, Stream[Any]] = {}
        self._followers: dict[str, Follower[Any]] = {}
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._numbers: dict[str, Numbers] = {}

    def writer(self, stream: Stream[Row]) -> Writer[Row]:
        """To write the slots of `stream` that this process holds."""
        turns = None
        if self._db.engine == "postgresql":
            turns = self._turns.setdefault(stream.name, asyncio.Semaphore(TURNS))
        return Writer(stream, self._db, self._leases, self._bus, turns)

    def announcer(self, stream: Stream[Row]) -> Announcer[Row]:
        """To write the slots of `stream`, whose rows live in memory only, that this process holds."""
        return Announcer(stream, self._leases, self._bus, self._numbers_of(stream))

    def follower(self, stream: Stream[Row]) -> Follower[Row]:
        """Where this process is in `stream`. Only for streams that an active plugin or a read side declares to read."""
        return cast(Follower[Row], self.follower_of(stream.name))

    def follower_of(self, stream: str) -> Follower[Any]:
        """The same, by the stream's name."""
        follower = self._followers.get(stream)
        if follower is None:
            raise LookupError(f"no active plugin declares that it reads the stream {stream!r}")
        return follower

    def follows(self, stream: Stream[Any]) -> bool:
        """Whether this process follows the stream."""
        return stream.name in self._followers

    @property
    def followers(self) -> Collection[Follower[Any]]:
        """Of every stream that this process follows by now."""
        return [follower for follower in self._followers.values() if not follower.asleep]

    async def begin(self, known: Iterable[Stream[Any]], followed: Iterable[str]) -> None:
        """Make sure that every installed stream has a position, and stand at the end of those that are followed."""
        streams = self._known = {stream.name: stream for stream in known}
        await self._db.write(lambda tx: create_slots(tx, {name: stream.slots for name, stream in streams.items()}))
        for name in followed:
            follower = self._followers[name] = self._new_follower(streams[name])
            await self._follow(follower)

    def prepare(self, later: Iterable[str]) -> None:
        """Let these streams be followed once their followers are asked to be `awake`."""
        for name in later:
            self._followers[name] = self._new_follower(self._known[name], asleep=self._follow)

    def _new_follower(
        self, stream: Stream[Any], asleep: Callable[[Follower[Any]], Awaitable[None]] | None = None
    ) -> Follower[Any]:
        if stream.in_memory:
            return MemoryFollower(stream, self._db, self._clock, asleep, numbers=self._numbers_of(stream))
        return Follower(stream, self._db, self._clock, asleep)

    def _numbers_of(self, stream: Stream[Any]) -> Numbers:
        """Whoever numbers rows here has seen what was heard here."""
        return self._numbers.setdefault(stream.name, Numbers(self._clock))

    async def _follow(self, follower: Follower[Any]) -> None:
        await follower.begin()
        self._bus.subscribe(follower.stream.name, follower)
        follower.look()  # what was committed in between

    def told(self, positions: Mapping[str, int]) -> None:
        """How far the streams have come in the database: the bus may have lost the last that was said of one."""
        for follower in self.followers:  # who is asleep would read the whole stream, for nobody
            follower.told(positions.get(follower.stream.name, 0))

    async def run(self) -> None:
        """Close the gaps of all followers for as long as the process lives."""
        async with asyncio.TaskGroup() as group:
            for follower in self._followers.values():
                group.create_task(follower.run(), name=f"follow {follower.stream.name}")
