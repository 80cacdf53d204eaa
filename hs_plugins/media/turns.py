"""Whose turn it is, where few can be served at once: whoever asks for much waits for themselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hs_core.errors import Unavailable


class Turns:
    """At most `slots` turns are taken at once, and of one person only one, so that there is always room for others."""

    def __init__(self, slots: int, most_each: int, most: int) -> None:
        self._slots = asyncio.Semaphore(slots)
        self._most_each = most_each
        self._most = most
        self._own: dict[str, asyncio.Lock] = {}
        self._waiting: dict[str, int] = {}

    @asynccontextmanager
    async def turn(self, who: str) -> AsyncIterator[None]:
        """Wait for a turn, and have it for as long as the context lasts. Raises Unavailable if too many wait."""
        if self._waiting.get(who, 0) >= self._most_each or sum(self._waiting.values()) >= self._most:
            raise Unavailable("Too much of this is being done")
        self._waiting[who] = self._waiting.get(who, 0) + 1
        try:
            async with self._own.setdefault(who, asyncio.Lock()), self._slots:
                yield
        finally:
            self._waiting[who] -= 1
            if not self._waiting[who]:
                del self._waiting[who], self._own[who]
