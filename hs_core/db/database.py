"""The storage interface: units of work over SQLite or PostgreSQL.

A unit of work is a plain function that takes a `Transaction`; the engine runs it on one of its own threads, so it must
not touch anything that belongs to the event loop. It may be run more than once (serialisation failures, lost
connections), so it changes nothing but the database and leaves the rest to its result or to `after_commit`.

The SQL is the common dialect that `hs_core.db.dialect` describes.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar

T = TypeVar("T")

Scalar: TypeAlias = str | int | float | bytes | bool | None
"""What a column may hold. Integers are 64 bits wide; text may not contain NUL (U+0000) or lone surrogates."""

Param: TypeAlias = Scalar | Sequence[Scalar]
"""What may stand for a `?`; a list (of one type) only in `= ANY(?)` and `<> ALL(?)`."""

Row: TypeAlias = tuple[Any, ...]
Engine: TypeAlias = Literal["sqlite", "postgresql"]


class Transaction(ABC):
    """What a unit of work sees of the database. Valid only during the call that it was handed to.

    A statement that fails spoils the transaction: there is no going on after it, catching the error only chooses
    another exception. Use `ON CONFLICT` where a conflict is expected.
    """

    engine: Engine

    @abstractmethod
    def all(self, sql: str, params: Sequence[Param] = ()) -> list[Row]:
        """Every row of a query. Bound it: `LIMIT`, or keys of which there are few."""

    @abstractmethod
    def one(self, sql: str, params: Sequence[Param] = ()) -> Row | None:
        """The first row, if there is one."""

    def value(self, sql: str, params: Sequence[Param] = ()) -> Any | None:
        """The first column of the first row; None if there is no row (or if it holds NULL)."""
        row = self.one(sql, params)
        return None if row is None else row[0]

    @abstractmethod
    def run(self, sql: str, params: Sequence[Param] = ()) -> int:
        """Run a statement; the number of rows that it inserted, updated or deleted."""

    @abstractmethod
    def run_many(self, sql: str, rows: Iterable[Sequence[Param]]) -> None:
        """Run a statement once for each of `rows`, for its effects.

        The engine may hold it back until the next statement or the commit, to save a round trip; an error comes then.
        """

    @abstractmethod
    def insert_many(
        self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Scalar]], on_conflict: str = ""
    ) -> None:
        """Insert rows, the fastest way for their number. Held back like `run_many`.

        `on_conflict` is the clause of that name (`ON CONFLICT ...`), if there may be conflicts; no two of the rows are
        in conflict with each other. It, `table` and `columns` are out of the code, never out of a request.
        """

    @abstractmethod
    def iterate(self, sql: str, params: Sequence[Param] = ()) -> Iterator[Row]:
        """The rows of a query one after the other, with a bounded number of them in memory."""

    @abstractmethod
    def after_commit(self, callback: Callable[[], None], *, in_turn: bool = False) -> None:
        """Call this on the event loop's thread once the transaction has committed, and only then.

        Callbacks of this process's transactions run in the order of the commits, before `write` returns to its caller,
        even if that caller has stopped waiting. They are quick and do not raise.

        `in_turn` promises that the order matters only among transactions that hold a lock by now, the same all of them.
        That saves a round trip: what is held back goes out with the commit.
        """


Work: TypeAlias = Callable[[Transaction], T]


@dataclass(slots=True)
class WorkCount:
    """How much work of one kind a database was given, for metrics."""

    waiting: int = 0
    """Units of work that are queued or running."""
    done: int = 0
    seconds: float = 0.0
    """From being asked for to the answer, all units of work together."""

    def note(self, began: float, ended: float) -> None:
        """One more is done, which took from one time to another, in seconds."""
        self.done += 1
        self.seconds += ended - began


@dataclass(slots=True)
class Traffic:
    """What went over one connection to a database server, and those before it, for metrics."""

    statements: int = 0
    round_trips: int = 0
    """How often somebody waited for the server."""


class Database(ABC):
    """An open database. Its methods are called on the event loop that opened it; cancelling one of them is harmless:
    a unit of work that has begun is finished, one that has not may be dropped.
    """

    engine: Engine
    reads: WorkCount
    writes: WorkCount
    traffic: Sequence[Traffic] = ()
    """By connection; none where there is no server."""
    silent: bool = False
    """Whether the server is there, as far as the network knows, and says nothing.

    What was begun to be written waits for it, for nobody could say whether it will be done; what is asked for from now
    on is refused.
    """

    @abstractmethod
    async def read(self, work: Work[T], *, rows: int | None = None) -> T:
        """Run a unit of work that sees one consistent snapshot and changes nothing.

        `rows` is how many rows it finds by their keys at the most, if that is known: where looking a few up costs less
        than waking a thread for them, it is done in place. Raises DatabaseUnavailable.
        """

    @abstractmethod
    async def write(self, work: Work[T]) -> T:
        """Run a unit of work and commit it; returns after the commit, with everything on disk.

        If `work` raises, its effects are undone and the exception comes out here.
        Raises ConstraintViolated and DatabaseUnavailable; after the latter it may nevertheless have been committed.
        """

    @abstractmethod
    def stream(self, work: Work[Iterable[T]], batch: int = 500) -> AsyncGenerator[list[T], None]:
        """Hand over what `work` yields in lists of up to `batch`, from one snapshot and on a connection of its own.

        For exports and backfills: the worker runs at most two batches ahead of the consumer. Close the generator
        (`contextlib.aclosing`) if it is not read to its end. Raises DatabaseUnavailable.
        """

    @property
    def connections(self) -> int:
        """How many connections to a database server there are now."""
        return 0

    def limit(self, pool: int, exports: int) -> None:  # noqa: B027  # an embedded database has no connections
        """Have at most `pool` connections for units of work from now on, and `exports` for `stream`.

        What is under way is finished first.
        """

    @abstractmethod
    async def healthy(self) -> bool:
        """Whether the database answers, now or within seconds. Ask now and then: that is how `silent` is found out."""

    @abstractmethod
    async def close(self) -> None:
        """Finish what was begun or queued, then close every connection. No other method may be called afterwards."""
