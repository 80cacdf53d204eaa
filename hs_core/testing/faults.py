"""A database that fails when a test wants it to."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from unittest.mock import patch

from hs_core.db import Database, Work

T = TypeVar("T")


@contextmanager
def failing_writes(db: Database, error: Exception, *, after: int = 0, committed: bool = False) -> Iterator[None]:
    """Every write raises `error`, but for `after` of them that come first.

    With `committed` it does so only once the write was done, as when a connection breaks too late.
    """
    real = db.write
    left = after

    async def write(work: Work[T]) -> T:
        nonlocal left
        left -= 1
        if left >= 0:
            return await real(work)
        if committed:
            await real(work)
        raise error

    with patch.object(db, "write", write):
        yield


@contextmanager
def failing_reads(db: Database, error: Exception) -> Iterator[None]:
    """Every read raises `error`."""

    async def read(work: Work[Any], *, rows: int | None = None) -> Any:
        raise error

    with patch.object(db, "read", read):
        yield
