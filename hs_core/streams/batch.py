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
    """

    stream: str
    after: int
    up_to: int
    rows: Sequence[tuple[int, Row]]
