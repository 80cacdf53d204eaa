"""Work that several want at the same time is done once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from hs_core.errors import MatrixError, as_matrix_error

K = TypeVar("K")
R = TypeVar("R")


class Once(Generic[K, R]):
    """What is being done in this process, by what it is for. Whoever asks first may leave: the others wait on."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._doing: dict[K, asyncio.Task[R | MatrixError]] = {}

    async def do(self, key: K, work: Callable[[], Awaitable[R]]) -> R:
        """What `work` returns, or what that of somebody before does, if it has not ended. Raises MatrixError."""
        if key not in self._doing:
            task = self._doing[key] = self._group.create_task(_outcome(work))
            task.add_done_callback(lambda _: self._doing.pop(key))
        outcome = await asyncio.shield(self._doing[key])
        if isinstance(outcome, MatrixError):
            raise outcome
        return outcome

    def cancel(self) -> None:
        """Nobody waits any more."""
        for task in self._doing.values():
            task.cancel()


async def _outcome(work: Callable[[], Awaitable[R]]) -> R | MatrixError:
    """A failure is returned: it is for those who wait, and not for the group of tasks."""
    try:
        return await work()
    except Exception as error:
        return as_matrix_error(error)
