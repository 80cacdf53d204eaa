"""Which of the hits are shown, in which order, and how to go on. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from hs_plugins.search.batches import Batch, GroupKey
from hs_plugins.search.values import Gathered, Hit

Order = Literal["rank", "recent"]


class Group(msgspec.Struct, frozen=True):
    """The shown results with one value of a key."""

    value: str
    hits: list[Hit]
    next_batch: Batch | None


class Shown(msgspec.Struct, frozen=True):
    """A page of results."""

    hits: list[Hit]
    count: int
    next_batch: Batch | None
    groups: dict[GroupKey, list[Group]]


def value_of(hit: Hit, key: GroupKey) -> str:
    """What a hit is grouped by."""
    return hit.stored.event.room_id if key == "room_id" else hit.stored.event.sender


@dataclass(frozen=True)
class Pager:
    """Cuts a page out of what was gathered: for `rank` all that is ranked, for `recent` what comes after the last
    page.
    """

    gathered: Gathered
    order: Order
    limit: int
    since: Batch | None
    group_by: Sequence[GroupKey]

    def page(self) -> Shown:
        """The page."""
        hits = self._ranked() if self.order == "rank" else self.gathered.hits
        offset = self.since.offset if self.since is not None and self.order == "rank" else 0
        seen, left = hits[: offset + self.limit], hits[offset + self.limit :]
        shown = seen[offset:]
        next_batch = Batch(self.order, self._up_to(shown), len(seen) if self.order == "rank" else 0, self._count())
        more = bool(left) or self._is_more
        whole = self.since is None or self.since.key is None
        return Shown(
            shown,
            self._count(),
            next_batch if more and whole else None,
            {key: self._groups(key, shown, seen, left, next_batch) for key in self.group_by},
        )

    @property
    def _is_more(self) -> bool:
        """Whether there may be more than was gathered, to go on with."""
        return self.order == "recent" and self.gathered.end is not None

    def _ranked(self) -> list[Hit]:
        ranked = sorted(self.gathered.hits, key=lambda hit: (-hit.rank, -hit.position))
        if self.since is None or self.since.key is None:
            return ranked
        return [hit for hit in ranked if value_of(hit, self.since.key) == self.since.value]

    def _count(self) -> int:
        return len(self.gathered.hits) if self.since is None else self.since.count

    def _up_to(self, shown: Sequence[Hit]) -> int:
        """Where to go on: for `rank` among the same events, for `recent` after those that were shown."""
        if self.order == "rank":
            return self.since.up_to if self.since else self.gathered.hits[0].position if self.gathered.hits else 0
        return shown[-1].position - 1 if shown else self.gathered.end or 0

    def _groups(
        self, key: GroupKey, shown: Sequence[Hit], seen: Sequence[Hit], left: Sequence[Hit], after: Batch
    ) -> list[Group]:
        within = self.since if self.since is not None and self.since.key is not None else None
        values = dict.fromkeys(value_of(hit, key) for hit in shown)
        if within is not None and within.key == key:
            values = dict.fromkeys([within.value or ""])
        groups = []
        for value in values:
            more = self._is_more or any(value_of(hit, key) == value for hit in left)
            offset = sum(value_of(hit, key) == value for hit in seen) if self.order == "rank" else 0
            batch = msgspec.structs.replace(after, offset=offset, key=key, value=value)
            goes_on = more and (within is None or within.key == key)
            mine = [hit for hit in shown if value_of(hit, key) == value]
            groups.append(Group(value, mine, batch if goes_on else None))
        return groups
