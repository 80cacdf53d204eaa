"""Write to a stream: prove the lease, commit data and positions together, then announce the rows."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import msgspec

from hs_core.cluster.leases import Leases
from hs_core.db import Database, Transaction
from hs_core.plugin.declaration import Stream
from hs_core.streams.batch import Batch
from hs_core.streams.bus import Bus

Row = TypeVar("Row", bound=msgspec.Struct)
T = TypeVar("T")

_RESERVE = "UPDATE stream_positions SET position = position + ? WHERE stream = ? RETURNING position"


class Log(Generic[Row]):
    """The end of a stream, inside one transaction.

    The first reservation locks the stream's position until the commit, so that positions become visible in order and
    without holes: a reader that has seen position n has seen all that will ever be below it. Reserve last.
    """

    def __init__(self, tx: Transaction, stream: Stream[Row]) -> None:
        self._tx = tx
        self._stream = stream
        self._reserved = 0
        self._end = 0
        self._rows: list[tuple[int, Row]] = []

    def reserve(self, count: int) -> int:
        """Take the next `count` positions and return the first. Each must be given its row with `put`."""
        end: int | None = self._tx.value(_RESERVE, (count, self._stream.name))
        if end is None:
            raise LookupError(f"the stream {self._stream.name!r} has no position; was it begun?")
        self._reserved += count
        self._end = end
        return end - count + 1

    def put(self, position: int, row: Row) -> None:
        """The row at a reserved position; to be called in the order of the positions."""
        self._rows.append((position, row))

    def announce(self, row: Row) -> int:
        """Take the next position for this row."""
        position = self.reserve(1)
        self.put(position, row)
        return position

    def announce_all(self, rows: Sequence[Row]) -> int:
        """Take the next positions for these rows, in their order; returns the first."""
        first = self.reserve(len(rows))
        self._rows.extend(enumerate(rows, first))
        return first

    def finished(self) -> Batch[Row] | None:
        """What to tell the followers once the transaction is committed; `None` if there is no news."""
        if not self._reserved:
            return None
        after = self._end - self._reserved
        assert [position for position, _ in self._rows] == list(range(after + 1, self._end + 1)), self._stream.name
        return Batch(self._stream.name, after, self._end, self._rows)


class Writer(Generic[Row]):
    """The right to write one stream from this process, for the slots that it holds."""

    def __init__(self, stream: Stream[Row], db: Database, leases: Leases, bus: Bus) -> None:
        self.stream = stream
        self._db = db
        self._leases = leases
        self._bus = bus

    async def write(self, keys: Sequence[str], work: Callable[[Transaction, Log[Row]], T]) -> T:
        """Run `work` in one transaction; its rows are announced when it has been committed.

        `keys` are what the stream is sharded by, of everything that `work` writes. `work` runs on a database thread and
        may run more than once, if the database asks for a retry.

        Raises:
            NotOwner: if another process owns one of the keys by now. Nothing was written.
        """

        def transaction(tx: Transaction) -> T:
            self._leases.prove(tx, self.stream, keys)
            log = Log(tx, self.stream)
            result = work(tx, log)
            if batch := log.finished():
                tx.after_commit(lambda: self._bus.publish(batch))
            return result

        return await self._db.write(transaction)
