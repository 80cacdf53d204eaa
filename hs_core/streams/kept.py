"""What the owners of a stream in memory keep, as far as one process has heard: so that it can be forgotten.

Who inherits a slot may never have heard of what was kept there, and nobody else would ever say that it is over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

import msgspec

from hs_core.plugin.declaration import Kept
from hs_core.streams.batch import Batch

Row = TypeVar("Row", bound=msgspec.Struct)

MOST_KEYS: Final = 50_000
"""Keys that are remembered. Of one more, nobody is told that its owner has died."""


@dataclass(slots=True)
class KeptRows(Generic[Row]):
    """The newest row of each key under which there is something, with the epoch of who said so."""

    kept: Kept[Row]
    _slots: dict[int, dict[str, tuple[int, Row]]] = field(default_factory=lambda: defaultdict(dict))
    _count: int = 0

    def news(self, batch: Batch[Row]) -> Sequence[tuple[int, Row]]:
        """Take note of what a slot's owner says. Of all that it keeps, only what was not known is news."""
        known = self._slots[batch.slot]
        before = {key: row for key, (_, row) in known.items()} if batch.whole else {}
        self._count -= len(known)
        for _, row in batch.rows:
            key = self.kept.key(row)
            if row == self.kept.nothing(key):
                known.pop(key, None)
            elif key in known or self._count + len(known) < MOST_KEYS:
                known[key] = batch.epoch, row
        self._count += len(known)
        return [(number, row) for number, row in batch.rows if before.get(self.kept.key(row)) != row]

    def has_older(self, slot: int, epoch: int) -> bool:
        """Whether there is anything in the slot that was said under an epoch before this one only."""
        return any(said < epoch for said, _ in self._slots[slot].values())

    def forget_older(self, slot: int, epoch: int) -> list[Row]:
        """Forget that, and say so: there is nothing under those keys."""
        known = self._slots[slot]
        older = [key for key, (said, _) in known.items() if said < epoch]
        for key in older:
            del known[key]
        self._count -= len(older)
        return [self.kept.nothing(key) for key in older]
