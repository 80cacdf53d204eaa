"""When and from where devices were last seen: noted in memory at each request, written now and then."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

import structlog

from hs_core.cache import LRU
from hs_core.clock import Clock
from hs_core.db import Database, DatabaseUnavailable
from hs_core.http.requester import Requester
from hs_core.matrix.identifiers import DeviceId, UserId
from hs_plugins.login.store import devices

log = structlog.get_logger(__name__)

EVERY: Final = 2 * 60 * 1000
"""Milliseconds between two notes of one device."""
WRITE_EVERY: Final = 30.0
"""Seconds."""
AT_ONCE: Final = 500
"""Devices of one transaction."""
MOST: Final = 20_000
"""Devices that are remembered, and that may wait to be written; who comes then is noted another time."""

Seen = tuple[UserId, DeviceId, int, str]


class Sightings:
    """Of the devices that ask this process."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._noted: LRU[tuple[UserId, DeviceId], int] = LRU(MOST)
        self._waiting: list[Seen] = []

    def saw(self, requester: Requester, address: str) -> None:
        """Note that a device asks now. Every request comes here."""
        if requester.device_id is None or requester.appservice is not None:
            return
        key, now = (requester.user_id, requester.device_id), self._clock.now_ms()
        if now - (self._noted.get(key) or 0) < EVERY or len(self._waiting) >= MOST:
            return
        self._noted[key] = now
        self._waiting.append((*key, now, address))

    async def write(self) -> None:
        """Write what was noted."""
        while self._waiting:
            some = self._waiting[:AT_ONCE]
            await self._db.write(partial(devices.seen, sightings=some))
            del self._waiting[: len(some)]

    async def keep_writing(self) -> None:
        """For as long as the process lives, and once more at its end."""
        try:
            while True:
                await self._clock.sleep(WRITE_EVERY)
                await self._try_to_write()
        except asyncio.CancelledError:
            await self._try_to_write()
            raise

    async def _try_to_write(self) -> None:
        try:
            await self.write()
        except DatabaseUnavailable:
            log.warning("the database is away, it is noted later who was seen", waiting=len(self._waiting))
