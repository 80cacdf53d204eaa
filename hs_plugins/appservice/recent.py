"""The newest rows of the stream of room events, in memory, so that what happens now is read by nobody."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from hs_core.db import Database
from hs_core.streams.batch import Batch
from hs_core.streams.follower import Follower
from hs_plugins.rooms.api import EventRow

MAX_ROWS: Final = 2_000
MAX_BYTES: Final = 8 << 20
"""Of the events as clients see them."""


@dataclass(frozen=True)
class Stretch:
    """Rows of the stream, in order."""

    rows: list[tuple[int, EventRow]]
    up_to: int
    """There is nothing else before or at this position."""


class RecentEvents:
    """Knows every row after `horizon`; those before it are in the database."""

    def __init__(self, follower: Follower[EventRow], db: Database) -> None:
        self._follower = follower
        self._db = db
        self._rows: deque[tuple[int, EventRow]] = deque()
        self._bytes = 0
        self.horizon = follower.position

    @property
    def position(self) -> int:
        """How far the stream has come here."""
        return self._follower.position

    def hear(self, batch: Batch[EventRow]) -> None:
        """The next rows."""
        for position, row in batch.rows:
            self._rows.append((position, row))
            self._bytes += len(row.client_json)
        while len(self._rows) > MAX_ROWS or (self._bytes > MAX_BYTES and self._rows):
            self.horizon, oldest = self._rows.popleft()
            self._bytes -= len(oldest.client_json)

    async def after(self, position: int, limit: int) -> Stretch:
        """The next rows, up to `limit`."""
        up_to = max(position, self.position)  # whoever sent before this process may have been told more
        if position >= self.horizon:
            newer = list(takewhile(lambda each: each[0] > position, reversed(self._rows)))
            rows = newer[: -limit - 1 : -1]
        else:
            load = self._follower.stream.load
            rows = list(await self._db.read(lambda tx: load(tx, position, up_to, limit)))
        return Stretch(rows, rows[-1][0] if len(rows) == limit else up_to)
