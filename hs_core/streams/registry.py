"""The streams of one process: a writer for those it may write, a follower for those it needs to read."""

import asyncio
from collections.abc import Iterable
from typing import Any, TypeVar, cast

import msgspec

from hs_core.clock import Clock
from hs_core.cluster.leases import Leases
from hs_core.db import Database, Transaction
from hs_core.plugin.declaration import Stream
from hs_core.streams.bus import Bus
from hs_core.streams.follower import Follower
from hs_core.streams.writer import Writer

Row = TypeVar("Row", bound=msgspec.Struct)


class Streams:
    """Typed access by declaration: `streams.writer(EVENTS)`, `streams.follower(EVENTS)`."""

    def __init__(self, db: Database, leases: Leases, bus: Bus, clock: Clock) -> None:
        self._db = db
        self._leases = leases
        self._bus = bus
        self._clock = clock
        self._followers: dict[str, Follower[Any]] = {}

    def writer(self, stream: Stream[Row]) -> Writer[Row]:
        """To write the slots of `stream` that this process holds."""
        return Writer(stream, self._db, self._leases, self._bus)

    def follower(self, stream: Stream[Row]) -> Follower[Row]:
        """Where this process is in `stream`. Only for streams that an active plugin or a read side declares to read."""
        follower = self._followers.get(stream.name)
        if follower is None:
            raise LookupError(f"no active plugin declares that it reads the stream {stream.name!r}")
        return cast(Follower[Row], follower)

    async def begin(self, known: Iterable[Stream[Any]], followed: Iterable[str]) -> None:
        """Make sure that every installed stream has a position, and stand at the end of those that are followed."""
        streams = {stream.name: stream for stream in known}
        await self._db.write(lambda tx: _create_positions(tx, list(streams)))
        for name in followed:
            follower = self._followers[name] = Follower(streams[name], self._db, self._clock)
            self._bus.subscribe(name, follower.receive)
            await follower.begin()

    async def run(self) -> None:
        """Close the gaps of all followers for as long as the process lives."""
        async with asyncio.TaskGroup() as group:
            for follower in self._followers.values():
                group.create_task(follower.run(), name=f"follow {follower.stream.name}")


_CREATE = "INSERT INTO stream_positions (stream, position) VALUES (?, 0) ON CONFLICT (stream) DO NOTHING"


def _create_positions(tx: Transaction, names: list[str]) -> None:
    tx.run_many(_CREATE, [(name,) for name in names])
