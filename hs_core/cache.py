"""A bounded cache: least recently used first out, each value for a limited time, counted."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Cache(Generic[K, V]):
    """At most `size` values, each good for `lifetime` seconds of `monotonic`."""

    def __init__(self, size: int, lifetime: float, monotonic: Callable[[], float]) -> None:
        self._size = size
        self._lifetime = lifetime
        self._monotonic = monotonic
        self._entries: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """The value, unless it is unknown or too old."""
        entry = self._entries.get(key)
        if entry is None or entry[0] <= self._monotonic():
            self.misses += 1
            return None
        self._entries.move_to_end(key)
        self.hits += 1
        return entry[1]

    def put(self, key: K, value: V) -> None:
        self._entries[key] = (self._monotonic() + self._lifetime, value)
        self._entries.move_to_end(key)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)

    def forget(self, key: K) -> None:
        self._entries.pop(key, None)

    def forget_where(self, condition: Callable[[V], bool]) -> None:
        """Looks at every value: for what happens seldom."""
        for key in [key for key, (_, value) in self._entries.items() if condition(value)]:
            del self._entries[key]
