"""Whose turn is next, so that nobody waits for a gateway that is not their own. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Lanes(Generic[K]):
    """Things to be done, each in a lane: a bounded number in each, and in all.

    A lane begins what waits in it in its order, and lanes take turns. What is added while it is being done is done once
    more after that.
    """

    def __init__(self, at_once: int, per_lane: int) -> None:
        self._at_once = at_once
        self._per_lane = per_lane
        self._waiting: dict[str, deque[K]] = {}
        self._known: dict[K, str] = {}
        """What waits, and where."""
        self._running: dict[K, str] = {}
        self._busy: dict[str, int] = {}
        self._again: dict[K, str] = {}

    def __len__(self) -> int:
        """How many there are, waiting or running."""
        return len(self._known) + len(self._running)

    def add(self, lane: str, key: K) -> None:
        """Have it done; once, if it is there already."""
        if key in self._running:
            self._again[key] = lane
        elif key not in self._known:
            self._known[key] = lane
            self._waiting.setdefault(lane, deque()).append(key)

    def begin(self) -> list[K]:
        """What may begin now, and counts as running until it is `done`."""
        begun: list[K] = []
        free = [lane for lane in self._waiting if self._busy.get(lane, 0) < self._per_lane]
        while free and len(self._running) < self._at_once:
            free = [lane for lane in free if len(self._running) < self._at_once and self._begin_one(lane, begun)]
        return begun

    def done(self, key: K) -> None:
        """It is over."""
        lane = self._running.pop(key)
        self._busy[lane] -= 1
        if not self._busy[lane]:
            del self._busy[lane]
        if key in self._again:
            self.add(self._again.pop(key), key)

    def forget(self, key: K) -> None:
        """Do not do it, if it has not begun."""
        self._again.pop(key, None)
        lane = self._known.pop(key, None)
        if lane is not None:
            self._waiting[lane].remove(key)
            self._tidy(lane)

    def _begin_one(self, lane: str, begun: list[K]) -> bool:
        """Whether the lane may have another one."""
        key = self._waiting[lane].popleft()
        del self._known[key]
        self._running[key] = lane
        self._busy[lane] = self._busy.get(lane, 0) + 1
        begun.append(key)
        self._tidy(lane)
        if lane not in self._waiting:
            return False
        self._waiting[lane] = self._waiting.pop(lane)  # others come first the next time
        return self._busy[lane] < self._per_lane

    def _tidy(self, lane: str) -> None:
        if not self._waiting[lane]:
            del self._waiting[lane]
