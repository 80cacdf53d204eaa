"""The newest messages in memory, by device, so that a client that keeps up needs no look at the database."""

from __future__ import annotations

from collections import OrderedDict, deque
from itertools import islice
from typing import Final

from hs_core.cache import LRU
from hs_core.streams.batch import Batch
from hs_plugins.to_device.rows import ToDeviceRow
from hs_plugins.to_device.store import Place, Placed

MAX_BYTES: Final = 32 * 1024 * 1024
OVERHEAD: Final = 500
"""Bytes that a message takes besides its content, roughly."""
MAX_DEVICES: Final = 100_000


class RecentMessages:
    """Every message after `horizon` that its device has not been proven to have."""

    def __init__(self, horizon: int, max_bytes: int = MAX_BYTES) -> None:
        self.horizon = horizon
        self.known: LRU[Place, bool] = LRU(MAX_DEVICES)
        """Devices for which nothing waits in the database that is not here."""
        self._max_bytes = max_bytes
        self._bytes = 0
        self._rows: OrderedDict[int, ToDeviceRow] = OrderedDict()
        self._of_device: dict[Place, deque[int]] = {}

    def receive(self, batch: Batch[ToDeviceRow]) -> None:
        """The next rows of the stream."""
        for position, row in batch.rows:
            self._rows[position] = row
            self._of_device.setdefault((row.user_id, row.device_id), deque()).append(position)
            self._bytes += OVERHEAD + len(row.content)
            while self._bytes > self._max_bytes:
                self._forget_oldest()

    def after(self, place: Place, position: int, up_to: int, limit: int) -> list[Placed]:
        """A device's first messages after a position that is not before the horizon."""
        inside = (at for at in self._of_device.get(place, ()) if position < at <= up_to)
        return [(at, self._rows[at]) for at in islice(inside, limit)]

    def proven(self, place: Place, position: int) -> bool:
        """The device has all messages up to a position; whether there were any here."""
        positions = self._of_device.get(place)
        if not positions or positions[0] > position:
            return False
        while positions and positions[0] <= position:
            row = self._rows.pop(positions.popleft())
            self._bytes -= OVERHEAD + len(row.content)
        if not positions:
            del self._of_device[place]
        return True

    def _forget_oldest(self) -> None:
        self.horizon, row = self._rows.popitem(last=False)
        place = (row.user_id, row.device_id)
        positions = self._of_device[place]
        positions.popleft()
        if not positions:
            del self._of_device[place]
        self.known.pop(place)
        self._bytes -= OVERHEAD + len(row.content)
