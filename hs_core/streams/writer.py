"""Write to a stream: commit data and positions together, prove the lease on the way, then announce the rows."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Generic, TypeVar

import msgspec

from hs_core.cluster.leases import Drain, Leases, NotOwner
from hs_core.cluster.placement import slot_of
from hs_core.db import Database, DatabaseUnavailable, Transaction
from hs_core.plugin.declaration import Stream
from hs_core.streams.batch import Batch
from hs_core.streams.bus import Bus

Row = TypeVar("Row", bound=msgspec.Struct)
T = TypeVar("T")

_RESERVE = "UPDATE stream_positions SET position = position + ? WHERE stream = ? RETURNING position, ownership"
_OWNERSHIP = "SELECT position, ownership FROM stream_positions WHERE stream = ? FOR SHARE"


class Log(Generic[Row]):
    """The end of a stream, inside one transaction.

    The first reservation locks the stream's position until the commit, so that positions become visible in order and
    without holes: a reader that has seen position n has seen all that will ever be below it. Reserve last.
    """

    def __init__(self, tx: Transaction, stream: Stream[Row], prove: Callable[[int], None]) -> None:
        """`prove` is given the count of changes of ownership, as read under the lock; it raises `NotOwner`."""
        self._tx = tx
        self._stream = stream
        self._prove = prove
        self._reserved = 0
        self._end = 0
        self._rows: list[tuple[int, Row]] = []

    def reserve(self, count: int) -> int:
        """Take the next `count` positions and return the first. Each must be given its row with `put`.

        Raises:
            NotOwner: if another process owns one of the transaction's keys by now.
        """
        end, ownership = self._locked(_RESERVE, (count, self._stream.name))
        if not self._reserved:
            self._prove(ownership)
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
        """What to tell the followers once the transaction is committed; `None` if there is no news.

        Raises:
            NotOwner: as `reserve`, if that was not called.
        """
        if not self._reserved:
            self._prove(self._locked(_OWNERSHIP, (self._stream.name,))[1])
            return None
        after = self._end - self._reserved
        assert [position for position, _ in self._rows] == list(range(after + 1, self._end + 1)), self._stream.name
        return Batch(self._stream.name, after, self._end, self._rows)

    def _locked(self, sql: str, params: tuple[int | str, ...]) -> tuple[int, int]:
        row: tuple[int, int] | None = self._tx.one(sql, params)
        assert row is not None, "whoever holds a slot has begun the stream"
        return row


class Writer(Generic[Row]):
    """The right to write one stream from this process, for the slots that it holds."""

    def __init__(
        self,
        stream: Stream[Row],
        db: Database,
        leases: Leases,
        bus: Bus,
        turns: AbstractAsyncContextManager[object] | None = None,
    ) -> None:
        """`turns` bounds how many transactions this process has in hand for the stream."""
        self.stream = stream
        self._db = db
        self._leases = leases
        self._bus = bus
        self._turns = turns or nullcontext()

    def owns(self, key: str) -> bool:
        """Whether this process is the one in which something may begin that will be written under this key."""
        return self._leases.holds(self.stream, key)

    def check_owner(self, key: str) -> None:
        """Raises `NotOwner` unless this process owns the key."""
        if not self.owns(key):
            raise self.not_owner(key)

    def not_owner(self, key: str) -> NotOwner:
        """What to tell of a key that belongs to another process."""
        return NotOwner(self.stream.name, {slot_of(key, self.stream.slots)})

    @property
    def held(self) -> Mapping[int, int]:
        """The slots that this process believes it holds, with the epochs under which it does."""
        return self._leases.held(self.stream.name)

    def on_release(self, drain: Drain) -> None:
        """Have `drain` awaited before slots are released, when from then on `owns` denies their keys.

        It is called as well when slots were lost without asking; what is written for them then fails with `NotOwner`.
        """
        self._leases.on_release(self.stream.name, drain)

    def on_take(self, hear: Callable[[], None]) -> None:
        """Have `hear` called whenever more keys have come to this process: what their last owner left undone is its."""
        self._leases.on_take(self.stream.name, hear)

    async def write(self, keys: Sequence[str], work: Callable[[Transaction, Log[Row]], T]) -> T:
        """Run `work` in one transaction; its rows are announced when it has been committed.

        `keys` are what the stream is sharded by, of everything that `work` writes. `work` runs on a database thread and
        may run more than once, if the database asks for a retry.

        Raises:
            NotOwner: if another process owns one of the keys by now. Nothing was written.
            DatabaseUnavailable: see `Database.write`.
        """
        return await self.write_held(self._leases.epochs(self.stream, keys), work)

    async def write_held(self, epochs: Mapping[int, int], work: Callable[[Transaction, Log[Row]], T]) -> T:
        """The same for whole slots, each under the epoch at which it was `held` when the work was prepared.

        What was prepared under an earlier ownership is not written: it may be somebody else's work by now.
        """
        stream, leases = self.stream, self._leases

        def transaction(tx: Transaction) -> T:
            log = Log(tx, stream, lambda ownership: leases.prove(tx, stream.name, epochs, ownership))
            result = work(tx, log)
            if batch := log.finished():
                tx.after_commit(lambda: self._bus.publish(batch), in_turn=True)
            return result

        try:
            async with self._turns:
                return await self._db.write(transaction)
        except NotOwner:
            leases.on_doubt()
            raise
        except DatabaseUnavailable:
            self._bus.doubt(stream.name)  # it may have been committed all the same, and nobody was told
            raise
