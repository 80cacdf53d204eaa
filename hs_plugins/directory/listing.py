"""The lists of published rooms, kept in memory in the order in which they are shown: the largest rooms first.

Whoever asks first has the rooms summed up; after that only those whose state has changed since. So a page costs what it
holds and, when it is searched, a look at each published room, but no query that grows with their number.
"""

import asyncio
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Final, NamedTuple

from hs_core.db import Database
from hs_core.errors import InvalidParam
from hs_core.matrix.identifiers import RoomId
from hs_core.streams.batch import Batch
from hs_plugins.directory import store
from hs_plugins.directory.rows import PublishedRow
from hs_plugins.directory.values import RoomsPage, RoomsQuery
from hs_plugins.rooms.api import EventRow, RoomsRead, RoomSummary

_AT_ONCE: Final = 500
"""Rooms that are summed up in one go."""

_TOKEN: Final = re.compile(r"([nb])(\d{1,18})_(!.{1,254})", re.ASCII)


class _Key(NamedTuple):
    """Where a room stands in the order."""

    fewer_members: int
    """The number of joined members, negated."""
    room_id: RoomId


class Listing:
    """Follows the streams that it depends on: see `hear_of_events` and `hear_of_rooms`."""

    def __init__(self, db: Database, read: RoomsRead) -> None:
        self._db = db
        self._read = read
        self._networks: dict[RoomId, set[str]] = {}
        self._summaries: dict[RoomId, RoomSummary] = {}
        self._stale: set[RoomId] = set()
        self._order: list[_Key] = []
        self._refreshing = asyncio.Lock()

    async def begin(self) -> None:
        """Read which rooms are published. To be called when what happens from now on is already being heard of."""
        for room_id, network in await self._db.read(store.all_published):
            self._networks.setdefault(room_id, set()).add(network)
            self._stale.add(room_id)

    def hear_of_events(self, batch: Batch[EventRow]) -> None:
        """A change of a published room's state, its members included, makes what we know of it stale."""
        for _, row in batch.rows:
            if row.state_key is not None and row.room_id in self._networks:
                self._stale.add(row.room_id)

    def hear_of_rooms(self, batch: Batch[PublishedRow]) -> None:
        """Rooms come and go."""
        for _, row in batch.rows:
            networks = self._networks.setdefault(row.room_id, set())
            if row.published:
                networks.add(row.network)
            else:
                networks.discard(row.network)
            if not networks:
                del self._networks[row.room_id]
            self._stale.add(row.room_id)

    async def page(self, query: RoomsQuery) -> RoomsPage:
        """A page of the list. Raises InvalidParam for a token that is none."""
        async with self._refreshing:
            await self._refresh()
            return self._page(query)

    def _page(self, query: RoomsQuery) -> RoomsPage:
        backwards, key = _parse_token(query.since) if query.since is not None else (False, None)
        order = self._order
        matching = self._matching(query, order, key, backwards)
        found = [key for _, key in zip(range(query.limit + 1), matching, strict=False)]
        more = len(found) > query.limit
        keys = sorted(found[: query.limit])
        return RoomsPage(
            chunk=[self._summaries[key.room_id] for key in keys],
            total_room_count_estimate=sum(1 for key in order if self._is_listed(key.room_id, query.network)),
            next_batch=_token("n", keys[-1]) if keys and (more or backwards) else None,
            prev_batch=_token("b", keys[0]) if keys and (more if backwards else key is not None) else None,
        )

    def _matching(self, query: RoomsQuery, order: list[_Key], key: _Key | None, backwards: bool) -> Iterator[_Key]:
        """The rooms beyond a key that the query wants, in the direction of reading."""
        if backwards and key is not None:
            walk = range(bisect_left(order, key) - 1, -1, -1)
        else:
            walk = range(0 if key is None else bisect_right(order, key), len(order))
        term = query.search.casefold() if query.search else None
        for index in walk:
            summary = self._summaries[order[index].room_id]
            if self._is_listed(summary.room_id, query.network) and _is_wanted(summary, term, query.room_types):
                yield order[index]

    def _is_listed(self, room_id: RoomId, network: str | None) -> bool:
        networks = self._networks.get(room_id, ())
        return bool(networks) if network is None else network in networks

    async def _refresh(self) -> None:
        if not self._stale:
            return
        while self._stale:
            some = [self._stale.pop() for _ in range(min(_AT_ONCE, len(self._stale)))]
            try:
                rooms = await self._read.members.rooms([one for one in some if one in self._networks])
                fresh = await self._read.summaries.of(rooms.values())
            except BaseException:
                self._stale.update(some)
                raise
            for room_id in some:
                self._summaries.pop(room_id, None)
            self._summaries.update(fresh)
        self._order = sorted(_Key(-one.num_joined_members, one.room_id) for one in self._summaries.values())


def _is_wanted(summary: RoomSummary, term: str | None, room_types: list[str | None] | None) -> bool:
    if room_types is not None and summary.room_type not in room_types:
        return False
    if term is None:
        return True
    texts = (summary.name, summary.topic, summary.canonical_alias)
    return any(term in text.casefold() for text in texts if text is not None)


def _token(direction: str, key: _Key) -> str:
    return f"{direction}{-key.fewer_members}_{key.room_id}"


def _parse_token(token: str) -> tuple[bool, _Key]:
    """Whether it leads backwards, and from where."""
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise InvalidParam("`since` is no token of this list")
    return match[1] == "b", _Key(-int(match[2]), RoomId(match[3]))
