"""What a deployment may use in all, and what of it falls to each process as processes come and go.

Less is used at once, more only when the others have had time to see the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from hs_core.clock import Clock
from hs_core.db import Database
from hs_core.telemetry import Hits

log = structlog.get_logger(__name__)

MOST_POOLED: Final = 6
"""Connections for units of work that one process makes use of."""
MOST_EXPORTS: Final = 2
LEAST: Final = 2
"""Connections without which a process cannot do: one for units of work, one for long reads."""

SMALLEST: Final = 1 / 64
LARGEST: Final = 4.0
ROOM_LEFT: Final = 0.8
"""Of a process's share of the memory: below it, caches may grow again."""

LOOK_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Connections:
    """To the database, from one process."""

    pool: int
    exports: int


def connections_of(budget: int, processes: int) -> Connections:
    """What each of so many processes may have. There is one share more than processes: one that starts finds room."""
    share = max(LEAST, budget // (processes + 1))
    pool = min(MOST_POOLED, share - (MOST_EXPORTS if share > 2 * MOST_EXPORTS else 1))
    return Connections(pool, min(MOST_EXPORTS, share - pool))


def scale_after(scale: float, used: int, share: int) -> float:
    """How large caches are to be, as a multiple of their usual size, when a process uses so many bytes of its share."""
    if used > share:
        return max(SMALLEST, scale * max(0.5, share / used * 0.9))
    return min(LARGEST, scale * 1.1) if used < ROOM_LEFT * share else scale


class Budget:
    """One process's part in keeping to what the configuration allows all of them."""

    def __init__(
        self,
        db: Database,
        caches: Mapping[str, Hits],
        clock: Clock,
        *,
        connections: int,
        memory: int | None,
        processes: int,
        used: Callable[[], int | None],
        give_back: Callable[[], None],
    ) -> None:
        """`connections` and bytes of `memory` are for all of the `processes`, as many as will be there soon.

        `used` says how many bytes this one has in memory; `give_back` returns those that are free to the system.
        """
        self._db = db
        self._caches = caches
        self._clock = clock
        self._connections = connections
        self._memory = memory
        self._processes = max(1, processes)
        self._changed = False
        self._used = used
        self._give_back = give_back
        self._scale = 1.0
        self._limit(connections_of(connections, self._processes))

    def see(self, alive: Collection[str]) -> None:
        """Be told who is there; nobody, if this process does not know."""
        if alive:
            self._changed = self._changed or len(alive) != self._processes
            self._processes = len(alive)
            wanted = connections_of(self._connections, self._processes)
            self._limit(Connections(min(wanted.pool, self._now.pool), min(wanted.exports, self._now.exports)))

    async def run(self) -> None:
        """Take what others have left, and keep to this process's share of memory, for as long as it lives."""
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            if not self._changed:
                self._limit(connections_of(self._connections, self._processes))
            self._changed = False
            await self._fit_caches()

    def _limit(self, connections: Connections) -> None:
        self._now = connections
        self._db.limit(connections.pool, connections.exports)

    async def _fit_caches(self) -> None:
        used = self._used()
        if self._memory is None or used is None:
            return
        scale = scale_after(self._scale, used, self._memory // self._processes)
        smaller, self._scale = scale < self._scale, scale
        for cache in self._caches.values():
            cache.scale(scale)
        if smaller:
            log.info("caches made smaller", scale=round(scale, 3), used=used, processes=self._processes)
            await asyncio.to_thread(self._give_back)  # else it would seem as if that had been of no use
