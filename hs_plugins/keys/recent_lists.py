"""The newest changes of device lists in memory, as a whole and by whom they concern."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from hs_core.matrix.identifiers import UserId
from hs_core.streams.batch import Batch
from hs_plugins.keys.rows import DeviceListRow
from hs_plugins.keys.store.lists import Placed

MAX_ENTRIES: Final = 200_000
"""Rows, each counted once for every room that it names."""


class RecentLists:
    """Every row after `horizon`."""

    def __init__(self, horizon: int, max_entries: int = MAX_ENTRIES) -> None:
        self.horizon = horizon
        self._position = horizon
        self._order: deque[Placed] = deque()
        self._concerning: dict[str, deque[Placed]] = {}
        self._entries = 0
        self._max_entries = max_entries

    def receive(self, batch: Batch[DeviceListRow]) -> None:
        """The next rows of the stream."""
        for placed in batch.rows:
            self._order.append(placed)
            concerned = concerned_by(placed[1])
            for key in concerned:
                self._concerning.setdefault(key, deque()).append(placed)
            self._entries += len(concerned)
            while self._entries > self._max_entries:
                self._forget_oldest()
        self._position = batch.up_to

    def after(self, user: UserId, joined: Collection[str], position: int, up_to: int) -> set[UserId]:
        """Whose keys have changed, as far as a user in these rooms must know, since a position not before the horizon.

        Costs the number of rows since then, or the number of rooms, whichever is less.
        """
        if self._position - position <= len(joined):
            return changed_for(_newer(self._order, position), user, joined, up_to)
        found: set[UserId] = set()
        for key in (user, *joined):
            found |= {row.user_id for at, row in _newer(self._concerning.get(key, ()), position) if at <= up_to}
        return found

    def _forget_oldest(self) -> None:
        self.horizon, row = self._order.popleft()
        concerned = concerned_by(row)
        for key in concerned:
            rows = self._concerning[key]
            rows.popleft()
            if not rows:
                del self._concerning[key]
        self._entries -= len(concerned)


def concerned_by(row: DeviceListRow) -> Sequence[str]:
    """The user who is told, or the user whose keys they are and the rooms where others are who must know."""
    return (row.told,) if row.told is not None else (row.user_id, *row.rooms)


def changed_for(rows: Iterable[Placed], user: UserId, joined: Collection[str], up_to: int) -> set[UserId]:
    """Whose keys have changed, of rows that may concern a user in these rooms."""
    rooms = joined if isinstance(joined, set | frozenset) else set(joined)
    return {
        row.user_id for at, row in rows if at <= up_to and any(key == user or key in rooms for key in concerned_by(row))
    }


def _newer(rows: Sequence[Placed], position: int) -> Iterable[Placed]:
    for placed in reversed(rows):
        if placed[0] <= position:
            return
        yield placed
