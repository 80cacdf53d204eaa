"""Group commit: what many ask for at the same time is written in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from hs_core.cluster.leases import NotOwner

Entry = TypeVar("Entry")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Queued(Generic[Entry, Result]):
    entry: Entry
    done: asyncio.Future[Result]


class Groups(Generic[Entry, Result]):
    """Writes entries in the order in which they come, one transaction at a time; the rest waits for the next.

    So a group is as large as the database is slow, and a lone entry does not wait at all.
    """

    def __init__(self, write: Callable[[Sequence[Entry]], Awaitable[Sequence[Result]]], most: int) -> None:
        """`write` stores up to `most` entries and answers with what each came to. If one of them belongs to another
        process by now, it writes none and raises `NotOwner`.
        """
        self._write = write
        self._most = most
        self._queue: list[_Queued[Entry, Result]] = []
        self._waiting = asyncio.Event()

    async def add(self, entry: Entry) -> Result:
        """Return when the entry is on disk. Raises what `write` raises."""
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._queue.append(_Queued(entry, done))
        self._waiting.set()
        return await done

    async def run(self) -> None:
        """Commit group after group for as long as the process lives."""
        while True:
            await self._waiting.wait()
            group, self._queue = self._queue[: self._most], self._queue[self._most :]
            if not self._queue:
                self._waiting.clear()
            await self._commit(group)

    async def _commit(self, group: Sequence[_Queued[Entry, Result]]) -> None:
        try:
            results = await self._write([queued.entry for queued in group])
        except NotOwner as error:
            if len(group) == 1:
                _fail(group, error)
            else:  # only those whose key went to another process shall suffer
                for queued in group:
                    await self._commit([queued])
        except Exception as error:
            _fail(group, error)
        else:
            for queued, result in zip(group, results, strict=True):
                if not queued.done.done():
                    queued.done.set_result(result)


def _fail(group: Sequence[_Queued[Entry, Result]], error: Exception) -> None:
    for queued in group:
        if not queued.done.done():
            queued.done.set_exception(error)
