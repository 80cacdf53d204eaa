"""A database that fails when a test wants it to."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from unittest.mock import patch

from hs_core.db import Database, Work

T = TypeVar("T")


@contextmanager
def failing_writes(db: Database, error: Exception, *, committed: bool = False) -> Iterator[list[int]]:
    """Every write raises `error`; with `committed` only after it was done, as when a connection breaks too late.

    Yields a list that grows by one with each write that failed.
    """
    real = db.write
    failures: list[int] = []

    async def write(work: Work[T]) -> T:
        if committed:
            await real(work)
        failures.append(1)
        raise error

    with patch.object(db, "write", write):
        yield failures


@contextmanager
def failing_reads(db: Database, error: Exception) -> Iterator[None]:
    """Every read raises `error`."""

    async def read(work: Work[Any]) -> Any:
        raise error

    with patch.object(db, "read", read):
        yield
