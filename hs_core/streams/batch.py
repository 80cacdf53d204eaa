"""What travels from a writer to its followers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

Row = TypeVar("Row", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Batch(Generic[Row]):
    """All rows of one stream with `after < position <= up_to`, in order.

    A batch from a writer has one row for each position; one read back from the database may have fewer, because rows
    that a later one replaced are gone.

    On the bus, those of a stream in memory are parts of a lane: what one owner of a slot says, in its order. `after` is
    the end of the lane's batch before it, and 0 in the first.
    """

    stream: str
    after: int
    up_to: int
    rows: Sequence[tuple[int, Row]]
    slot: int = 0
    epoch: int = 0
    """That of the slot's owner, if this is part of a lane."""
    whole: bool = False
    """Whether the rows are all that is kept in the slot: the first that its new owner says."""
