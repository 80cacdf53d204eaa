"""Bounded memory: mappings that forget what was not used for longest, and count how often they were of use."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Cache(Generic[K, V]):
    """At most `size` values, each good for `lifetime` seconds of `monotonic`."""

    def __init__(self, size: int, lifetime: float, monotonic: Callable[[], float]) -> None:
        self._size = self._usual_size = size
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

    def put(self, key: K, value: V, at_most: float | None = None) -> None:
        """Keep it for the cache's lifetime, or for `at_most` seconds if that is less."""
        lifetime = self._lifetime if at_most is None else min(at_most, self._lifetime)
        self._entries[key] = (self._monotonic() + lifetime, value)
        self._entries.move_to_end(key)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)

    def scale(self, factor: float) -> None:
        """Keep so many times as many values as it was made for; what is too much is forgotten at once."""
        self._size = max(1, int(self._usual_size * factor))
        while len(self._entries) > self._size:
            self._entries.popitem(last=False)

    def forget(self, key: K) -> None:
        self._entries.pop(key, None)

    def forget_where(self, condition: Callable[[V], bool]) -> None:
        """Looks at every value: for what happens seldom."""
        for key in [key for key, (_, value) in self._entries.items() if condition(value)]:
            del self._entries[key]


class LRU(Generic[K, V]):
    """A mapping of bounded weight; by default each entry weighs one."""

    def __init__(self, capacity: int, weigh: Callable[[V], int] | None = None) -> None:
        self.capacity = self._usual_capacity = capacity
        self.weight = 0
        self.hits = 0
        self.misses = 0
        self._weigh = weigh
        self._entries: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[K]:
        return iter(self._entries)

    def __contains__(self, key: K) -> bool:
        return key in self._entries

    def __getitem__(self, key: K) -> V:
        """The entry, which counts as used now. Raises `KeyError`."""
        try:
            value = self._entries[key]
        except KeyError:
            self.misses += 1
            raise
        self.hits += 1
        self._entries.move_to_end(key)
        return value

    def get(self, key: K) -> V | None:
        """The entry, or `None`; an entry that was found counts as used now."""
        try:
            return self[key]
        except KeyError:
            return None

    def glimpse(self, key: K) -> V | None:
        """The entry, or `None`, without a trace of having been looked at: this alone may be asked from any thread."""
        return self._entries.get(key)

    def __setitem__(self, key: K, value: V) -> None:
        self.pop(key)
        self._entries[key] = value
        self.weight += self._weigh(value) if self._weigh else 1
        self._shrink()

    def scale(self, factor: float) -> None:
        """Have so many times the capacity that it was made with; what is too much is forgotten at once."""
        self.capacity = max(1, int(self._usual_capacity * factor))
        self._shrink()

    def _shrink(self) -> None:
        while self.weight > self.capacity and len(self._entries) > 1:
            _, oldest = self._entries.popitem(last=False)
            self.weight -= self._weigh(oldest) if self._weigh else 1

    def pop(self, key: K) -> V | None:
        """Forget an entry; answers with it if there was one."""
        value = self._entries.pop(key, None)
        if value is not None:
            self.weight -= self._weigh(value) if self._weigh else 1
        return value

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self.weight = 0
