"""The newest rows of the stream, so that a client that keeps up is told of them without a look at the database."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

from hs_core.matrix.identifiers import UserId
from hs_core.streams.batch import Batch
from hs_plugins.account_data.rows import AccountDataRow

MAX_BYTES: Final = 16 * 1024 * 1024
OVERHEAD: Final = 300
"""Bytes that a row takes besides its content, roughly."""


class RecentData:
    """Every row after `horizon`."""

    def __init__(self, horizon: int, max_bytes: int = MAX_BYTES) -> None:
        self.horizon = horizon
        self._max_bytes = max_bytes
        self._bytes = 0
        self._order: deque[tuple[int, AccountDataRow]] = deque()
        self._of_user: dict[UserId, deque[tuple[int, AccountDataRow]]] = {}

    def receive(self, batch: Batch[AccountDataRow]) -> None:
        """The next rows of the stream."""
        for position, row in batch.rows:
            self._order.append((position, row))
            self._of_user.setdefault(row.user_id, deque()).append((position, row))
            self._bytes += OVERHEAD + len(row.content)
            while self._bytes > self._max_bytes:
                self._forget_oldest()

    def after(self, user_id: UserId, position: int, up_to: int) -> list[AccountDataRow]:
        """The user's rows after a position that is not before the horizon, the oldest first."""
        return list(self._backwards(user_id, position, up_to))[::-1]

    def _backwards(self, user_id: UserId, position: int, up_to: int) -> Iterator[AccountDataRow]:
        for at, row in reversed(self._of_user.get(user_id, ())):
            if at <= position:
                return
            if at <= up_to:
                yield row

    def _forget_oldest(self) -> None:
        self.horizon, row = self._order.popleft()
        rows = self._of_user[row.user_id]
        rows.popleft()
        if not rows:
            del self._of_user[row.user_id]
        self._bytes -= OVERHEAD + len(row.content)
