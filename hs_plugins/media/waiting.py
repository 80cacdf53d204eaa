"""Downloads of what is not uploaded yet."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from hs_core.clock import Clock
from hs_core.db import Database, DatabaseUnavailable
from hs_core.waiting import happens
from hs_plugins.media import store

log = structlog.get_logger(__name__)

EVERY: Final = 0.5
"""Seconds between two looks at what other processes have stored: one query for all who wait here."""


class Waiting:
    """Those who wait in this process. An upload that ends here wakes them at once."""

    def __init__(self, db: Database, clock: Clock, draining: asyncio.Event) -> None:
        self._db = db
        self._clock = clock
        self._draining = draining
        self._woken: dict[str, asyncio.Event] = {}
        self._count: dict[str, int] = {}
        self._anybody = asyncio.Event()

    async def wait(self, media_id: str, seconds: float) -> None:
        """Until it is uploaded, the time is over, or the process is about to stop."""
        if self._draining.is_set():
            return
        woken = self._woken.setdefault(media_id, asyncio.Event())
        self._count[media_id] = self._count.get(media_id, 0) + 1
        self._anybody.set()
        try:
            await happens(woken, seconds)
        finally:
            self._count[media_id] -= 1
            if not self._count[media_id]:
                del self._count[media_id], self._woken[media_id]

    def uploaded(self, media_id: str) -> None:
        """It is there."""
        if (woken := self._woken.get(media_id)) is not None:
            woken.set()

    async def look(self) -> None:
        """For as long as the process lives."""
        while True:
            await self._anybody.wait()
            waited_for = list(self._woken)
            if not waited_for:
                self._anybody.clear()
                continue
            try:
                there = await self._db.read(lambda tx, ids=waited_for: store.uploaded(tx, ids))  # type: ignore[misc]
            except DatabaseUnavailable:
                log.warning("the database is away, downloads wait for longer")
                there = []
            for media_id in there:
                self.uploaded(media_id)
            await self._clock.sleep(EVERY)

    async def end(self) -> None:
        """Let everybody go when the process begins to stop."""
        await self._draining.wait()
        for woken in self._woken.values():
            woken.set()
