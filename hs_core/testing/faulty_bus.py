"""A bus that does to messages what networks do to them: it drops, repeats, delays and reorders."""

import asyncio
from collections.abc import Callable
from typing import Any

from hs_core.clock import Clock
from hs_core.streams.batch import Batch
from hs_core.streams.bus import MemoryBus


class FaultyNetwork:
    """What connects the processes of a simulated deployment."""

    def __init__(
        self,
        chance: Callable[[], float],
        clock: Clock,
        *,
        dropped: float = 0.2,
        repeated: float = 0.2,
        slowest: float = 0.5,
    ) -> None:
        """`chance` gives numbers in [0, 1); of all messages that share is `dropped`, and that share comes twice.

        A message takes up to `slowest` seconds. What was dropped is followed by a look within ten times as long.
        """
        self._chance = chance
        self._clock = clock
        self._dropped = dropped
        self._repeated = repeated
        self._slowest = slowest
        self._buses: list[FaultyBus] = []
        self._under_way: set[asyncio.Task[None]] = set()

    def bus(self) -> "FaultyBus":
        """The end of the network in one more process."""
        bus = FaultyBus(self)
        self._buses.append(bus)
        return bus

    def heal(self) -> None:
        """From now on messages are only delayed; everybody looks for what they missed."""
        self._dropped = self._repeated = 0.0
        for bus in self._buses:
            bus.look_everywhere()

    def send(self, sender: "FaultyBus", deliver: Callable[["FaultyBus"], None], stream: str) -> None:
        """Deliver something to all others, or to most, sooner or later."""
        for bus in self._buses:
            if bus is sender:
                continue
            if self._chance() < self._dropped:
                self._later(bus, lambda bus: bus.look(stream), 10 * self._slowest)
                continue
            self._later(bus, deliver, self._slowest)
            if self._chance() < self._repeated:
                self._later(bus, deliver, self._slowest)

    def leave(self, bus: "FaultyBus") -> None:
        """A process has crashed."""
        self._buses.remove(bus)

    def _later(self, bus: "FaultyBus", deliver: Callable[["FaultyBus"], None], slowest: float) -> None:
        task = asyncio.ensure_future(self._carry(bus, deliver, self._chance() * slowest))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _carry(self, bus: "FaultyBus", deliver: Callable[["FaultyBus"], None], seconds: float) -> None:
        await self._clock.sleep(seconds)
        if bus in self._buses:
            deliver(bus)


class FaultyBus:
    """A `Bus`: one process's end of a `FaultyNetwork`. To itself it is faithful."""

    def __init__(self, network: FaultyNetwork) -> None:
        self._network = network
        self._here = MemoryBus()
        self.subscribe = self._here.subscribe

    def publish(self, batch: Batch[Any]) -> None:
        self._here.publish(batch)
        self._network.send(self, lambda other: other.receive(batch), batch.stream)

    def doubt(self, stream: str) -> None:
        self._here.doubt(stream)
        self._network.send(self, lambda other: other.look(stream), stream)

    async def carried(self) -> None:
        """Nobody knows when."""

    async def heard(self) -> None:
        """Nobody knows what is under way."""

    def crash(self) -> None:
        """Neither send nor receive any more."""
        self._network.leave(self)

    def receive(self, batch: Batch[Any]) -> None:
        """Something has come over the network."""
        self._here.publish(batch)

    def look(self, stream: str) -> None:
        """Something may not have come."""
        self._here.doubt(stream)

    def look_everywhere(self) -> None:
        """Anything may not have come."""
        for stream in self._here.streams:
            self._here.doubt(stream)
