"""Write to a stream whose rows live in memory only: number the rows, and announce them. See docs/adr/0004."""

from collections.abc import Sequence
from typing import Final, Generic, TypeVar

import msgspec

from hs_core.cluster.leases import Drain, Leases, NotOwner
from hs_core.db import Transaction
from hs_core.plugin.declaration import Stream
from hs_core.streams.batch import Batch
from hs_core.streams.bus import Bus

Row = TypeVar("Row", bound=msgspec.Struct)

ROWS_OF_AN_EPOCH: Final = 2**32
"""Positions that one owner has at its disposal: at 10,000 rows a second they last for five days of nothing else."""

_EPOCH = "SELECT epoch FROM stream_slots WHERE stream = ? AND slot = 0"

_OWNED = "SELECT epoch, owner FROM stream_slots WHERE stream = ? AND slot = 0 FOR SHARE"


def first_position(tx: Transaction, stream: str) -> int:
    """Where the stream's present owner began, or is about to begin: everything before it is gone."""
    return int(tx.value(_EPOCH, (stream,)) or 0) * ROWS_OF_AN_EPOCH


class Announcer(Generic[Row]):
    """The right to write one stream in memory from this process, while it holds the stream's only slot."""

    def __init__(self, stream: Stream[Row], leases: Leases, bus: Bus) -> None:
        self.stream = stream
        self._leases = leases
        self._bus = bus
        self._epoch = 0
        self._position = 0
        # From then on nobody takes in what an owner before us may still have to say.
        leases.on_take(stream.name, lambda: bus.doubt(stream.name))

    @property
    def epoch(self) -> int | None:
        """The ownership under which this process writes; `None` if it may not. A new one means: begin anew."""
        return self._leases.held(self.stream.name).get(0) if self._leases.holds(self.stream, "") else None

    def check_owner(self) -> None:
        """Raises `NotOwner` unless this process may write."""
        if self.epoch is None:
            raise NotOwner(self.stream.name, {0})

    def prove(self, tx: Transaction, epoch: int) -> None:
        """Fail unless this process has owned the stream since `epoch`, so that what `tx` writes is not out of date.

        Raises:
            NotOwner: if another process owns the stream, or did meanwhile.
        """
        if tx.one(_OWNED, (self.stream.name,)) != (epoch, self._leases.owner):
            raise NotOwner(self.stream.name, {0})

    def on_release(self, drain: Drain) -> None:
        """Have `drain` awaited before the stream is given away; see `Writer.on_release`."""
        self._leases.on_release(self.stream.name, drain)

    def announce(self, rows: Sequence[Row]) -> int:
        """Give the rows the next positions and tell the followers, at once; returns the last of the positions.

        Raises:
            NotOwner: if another process owns the stream by now.
        """
        epoch = self.epoch
        if epoch is None:
            raise NotOwner(self.stream.name, {0})
        if epoch != self._epoch:
            self._epoch, self._position = epoch, epoch * ROWS_OF_AN_EPOCH
        after = self._position
        self._position += len(rows)
        self._bus.publish(Batch(self.stream.name, after, self._position, list(enumerate(rows, after + 1))))
        return self._position
