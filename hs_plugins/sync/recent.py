"""The newest rows of the `events` stream in memory, as a whole and by room, so that live clients need no database."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Final, NamedTuple

from hs_core.matrix.identifiers import EventId, RoomId, ServerName, server_name_of
from hs_plugins.rooms.api import EventRow, StateRoot

_OVERHEAD: Final = 1000
"""Bytes that a row takes besides the event's JSON, roughly."""


class Placed(NamedTuple):
    """A row and its position."""

    position: int
    row: EventRow
    redacted: bool = False
    """Whether the event lost its content after it had arrived: what remains of it is in the database."""


@dataclass(slots=True)
class RoomTail:
    """The rows of one room that are in memory."""

    rows: deque[Placed] = field(default_factory=deque)
    state_before: StateRoot | None = None
    """The room's state before the first of them, if it is known."""

    def after(self, position: int) -> list[Placed]:
        """The rows after a position, the oldest first."""
        found = []
        for placed in reversed(self.rows):
            if placed.position <= position:
                break
            found.append(placed)
        found.reverse()
        return found

    def state_at(self, position: int) -> StateRoot | None:
        """The room's state when the stream stood at `position`, if that is known."""
        for placed in reversed(self.rows):
            if placed.position <= position:
                return placed.row.room_state
        return self.state_before


class Recent:
    """Every row after `horizon`, of all rooms."""

    def __init__(self, horizon: int, max_bytes: int, max_rows: int, server_name: ServerName) -> None:
        self.horizon = horizon
        self.position = horizon
        self.rooms: dict[RoomId, RoomTail] = {}
        self._order: deque[tuple[int, RoomId, int]] = deque()
        self._bytes = 0
        self._max_bytes = max_bytes
        self.max_rows = max_rows
        self._server_name = server_name

    def add(self, position: int, row: EventRow) -> bool:
        """The next row. Whether it simply continues the room's state, as events do where there are no branches."""
        tail = self.rooms.get(row.room_id)
        linear = row.room_state == row.state_after
        if tail is not None:
            linear = linear and row.state_before == tail.rows[-1].row.room_state
        else:
            # Our own events continue the room's state; another server's may continue a branch of it.
            own = linear and server_name_of(row.sender) == self._server_name
            tail = self.rooms[row.room_id] = RoomTail(state_before=row.state_before if own else None)
        tail.rows.append(Placed(position, row))
        size = _OVERHEAD + len(row.client_json) + len(row.prev_content or b"")
        self._order.append((position, row.room_id, size))
        self._bytes += size
        if row.redacts is not None:
            self._redact(row.room_id, row.redacts)
        while self._bytes > self._max_bytes or len(self._order) > self.max_rows:
            self._forget_oldest()
        return linear

    def reached(self, position: int) -> None:
        """Everything up to `position` has been added."""
        self.position = position

    def after(self, position: int) -> list[Placed]:
        """All rows after a position that is not before the horizon, the oldest first."""
        tails = {room_id for at, room_id, _ in takewhile(lambda entry: entry[0] > position, reversed(self._order))}
        return sorted(
            (placed for room_id in tails for placed in self.rooms[room_id].after(position)),
            key=lambda each: each.position,
        )

    def rooms_after(self, position: int, among: Collection[RoomId]) -> Iterator[RoomId]:
        """Those of the rooms in which something happened after a position that is not before the horizon.

        Costs the number of rows since then, or the number of rooms, whichever is less.
        """
        if self.position - position <= len(among):
            seen: set[RoomId] = set()
            for at, room_id, _ in reversed(self._order):
                if at <= position:
                    return
                if room_id in among and room_id not in seen:
                    seen.add(room_id)
                    yield room_id
            return
        for room_id in among:
            tail = self.rooms.get(room_id)
            if tail is not None and tail.rows[-1].position > position:
                yield room_id

    def _redact(self, room_id: RoomId, event_id: EventId) -> None:
        rows = self.rooms[room_id].rows
        for index in range(len(rows) - 1, -1, -1):
            if rows[index].row.event_id == event_id:
                rows[index] = rows[index]._replace(redacted=True)
                return

    def _forget_oldest(self) -> None:
        position, room_id, size = self._order.popleft()
        tail = self.rooms[room_id]
        tail.state_before = tail.rows.popleft().row.room_state
        if not tail.rows:
            del self.rooms[room_id]
        self._bytes -= size
        self.horizon = position
