"""What this process has heard of who is online: the newest row of each user."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final, NamedTuple

from msgspec.structs import replace

from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.streams.batch import Batch
from hs_plugins.presence.rows import PresenceRow
from hs_plugins.rooms.api import EventRow

MAX_USERS: Final = 20_000
"""Users who are remembered: those whose presence changed last."""


MAX_MOVES: Final = 20
"""Rooms of one user that are remembered for having been joined since the last change."""


class Heard(NamedTuple):
    """What is known of a user."""

    position: int
    """Of the newest row."""
    changed: int
    """Of the newest row that said something new of the user, not only of their rooms."""
    row: PresenceRow
    moved: tuple[RoomId, ...]
    """The rooms that the user has come to since then."""


class RecentPresence:
    """Knows every user of whom there was a row after `horizon`."""

    def __init__(self, horizon: int) -> None:
        self.horizon = horizon
        self._users: OrderedDict[UserId, Heard] = OrderedDict()

    def receive(self, batch: Batch[PresenceRow]) -> None:
        """The next rows of the stream."""
        for position, row in batch.rows:
            known = self._users.get(row.user_id)
            if row.moved is None or known is None:
                self._users[row.user_id] = Heard(position, position, row, ())
            else:
                moved = (*known.moved, *row.moved)[-MAX_MOVES:]
                self._users[row.user_id] = Heard(position, known.changed, row, moved)
            self._users.move_to_end(row.user_id)
            if len(self._users) > MAX_USERS:
                self.horizon = self._users.popitem(last=False)[1].position

    def happened(self, batch: Batch[EventRow]) -> None:
        """Room events: who comes to a room, or leaves it, does so for presence as well, before a row says so."""
        for _, row in batch.rows:
            if row.membership is None or (known := self._users.get(UserId(row.state_key or ""))) is None:
                continue
            rooms = tuple(room_id for room_id in known.row.rooms if room_id != row.room_id)
            if row.membership == "join":
                rooms += (row.room_id,)
            self._users[known.row.user_id] = known._replace(row=replace(known.row, rooms=rooms))

    def of(self, user_id: UserId) -> PresenceRow | None:
        """The newest row of a user, if it is remembered."""
        known = self._users.get(user_id)
        return known.row if known else None

    def newest(self) -> Iterator[Heard]:
        """Everybody, the newest rows first."""
        return reversed(self._users.values())
