"""What this process has heard of who types: the newest row of each room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from itertools import islice, takewhile
from typing import Final, NamedTuple

import orjson

from hs_core.core import Core
from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.plugin import SectionEvent
from hs_core.streams.batch import Batch
from hs_plugins.typing.api import TYPING_CHANGES
from hs_plugins.typing.rows import TypingRow

MAX_ROOMS: Final = 20_000
"""Rooms that are remembered: those where somebody types now, and those where somebody did lately."""


class Heard(NamedTuple):
    """The newest row of a room."""

    position: int
    user_ids: Sequence[UserId]
    event: SectionEvent


class RecentTyping:
    """Implements `TypingRead`. Knows every room of which there was a row after `horizon`."""

    def __init__(self, horizon: int) -> None:
        self.horizon = horizon
        self.busy: set[RoomId] = set()
        """The rooms in which somebody types."""
        self._rooms: OrderedDict[RoomId, Heard] = OrderedDict()

    def receive(self, batch: Batch[TypingRow]) -> None:
        """The next rows of the stream."""
        for position, row in batch.rows:
            self._rooms[row.room_id] = Heard(position, row.user_ids, typing_event(row.user_ids))
            self._rooms.move_to_end(row.room_id)
            (self.busy.add if row.user_ids else self.busy.discard)(row.room_id)
            if len(self._rooms) > MAX_ROOMS:
                room_id, oldest = self._rooms.popitem(last=False)
                self.horizon = oldest.position
                self.busy.discard(room_id)

    def typing_in(self, room_id: RoomId) -> Sequence[UserId]:
        heard = self._rooms.get(room_id)
        return heard.user_ids if heard else ()

    def known(self, room_id: RoomId) -> Heard | None:
        """The newest row of the room, if it is remembered."""
        return self._rooms.get(room_id)

    def after(self, position: int, among: Collection[RoomId]) -> list[tuple[RoomId, Heard]]:
        """Those of the rooms of which there was a row after a position that is not before the horizon.

        Costs the number of rows since then, or the number of rooms, whichever is less.
        """
        newer = takewhile(lambda each: each[1].position > position, reversed(self._rooms.items()))
        newest = list(islice(newer, len(among) + 1))
        if len(newest) > len(among):
            found = ((room_id, self._rooms.get(room_id)) for room_id in among)
            return [(room_id, heard) for room_id, heard in found if heard is not None and heard.position > position]
        return [each for each in newest if each[0] in among]


def typing_event(user_ids: Sequence[UserId]) -> SectionEvent:
    """What clients are shown: `m.typing`."""
    return SectionEvent("m.typing", None, orjson.dumps({"type": "m.typing", "content": {"user_ids": user_ids}}))


@asynccontextmanager
async def open_recent(core: Core) -> AsyncIterator[RecentTyping]:
    """Follows the stream."""
    follower = core.follower(TYPING_CHANGES)
    recent = RecentTyping(follower.position)
    follower.subscribe(recent.receive)
    yield recent
