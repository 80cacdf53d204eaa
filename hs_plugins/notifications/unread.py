"""What one user has not read of one room, in memory. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from hs_core.matrix.identifiers import RoomId
from hs_plugins.receipts.api import MAIN

MAX_RECENT: Final = 100
"""Events of a room that are remembered one by one, in case that the user reads only some of them."""


class Entry(NamedTuple):
    """An event that a user is notified of."""

    position: int
    """In the stream of room events."""
    thread_id: str
    highlight: bool


class Tally(NamedTuple):
    """What is not read of one thread."""

    notifications: int
    highlights: int
    last: int
    """The position of the last event that is counted, or a later one."""

    def plus(self, entry: Entry) -> Tally:
        return Tally(self.notifications + 1, self.highlights + entry.highlight, entry.position)

    def to_json(self) -> dict[str, int]:
        """As in `unread_notifications`."""
        return {"notification_count": self.notifications, "highlight_count": self.highlights}


NOTHING: Final = Tally(0, 0, 0)


@dataclass(slots=True)
class RoomUnread:
    """Counts by thread, and the newest events behind them."""

    complete_after: int
    """Of the events after this position `recent` has all."""
    tallies: dict[str, Tally] = field(default_factory=dict)
    recent: deque[Entry] = field(default_factory=deque)
    marks: dict[str | None, int] = field(default_factory=dict)
    """How far threads, or (`None`) all of them, were read: word of that may come before the events do."""

    @property
    def last(self) -> int:
        """The position of the last event that is counted, or a later one."""
        return max((tally.last for tally in self.tallies.values()), default=0)

    def add(self, entry: Entry) -> None:
        """The user is notified of another event, a later one."""
        if self.marks and entry.position <= max(self.marks.get(entry.thread_id, 0), self.marks.get(None, 0)):
            return
        self.tallies[entry.thread_id] = self.tallies.get(entry.thread_id, NOTHING).plus(entry)
        self.recent.append(entry)
        if len(self.recent) > MAX_RECENT:
            self.complete_after = self.recent.popleft().position

    def read(self, thread_id: str | None, position: int) -> bool:
        """The user has read a thread, or all of them, up to an event. Whether the counts are still known."""
        known = True
        self.marks[thread_id] = max(position, self.marks.get(thread_id, 0))
        for thread in [thread_id] if thread_id is not None else list(self.tallies):
            tally = self.tallies.get(thread, NOTHING)
            if tally.last <= position:
                self.tallies.pop(thread, None)
            elif position < self.complete_after:
                known = False
            else:
                self._recount(thread, position)
        kept = [one for one in self.recent if one.position > position or thread_id not in (None, one.thread_id)]
        self.recent = deque(kept)
        return known

    def remove(self, position: int) -> bool:
        """An event is no more. Whether the counts are still known."""
        if position <= self.complete_after:
            return not any(tally.last >= position for tally in self.tallies.values())
        for entry in self.recent:
            if entry.position == position:
                self.recent.remove(entry)
                count, highlights, last = self.tallies[entry.thread_id]
                self.tallies[entry.thread_id] = Tally(count - 1, highlights - entry.highlight, last)
                break
        return True

    def to_json(self, *, per_thread: bool) -> dict[str, Any]:
        """`unread_notifications` of the whole room or, with those of threads apart, of the main timeline."""
        if not per_thread:
            return {"unread_notifications": _total(self.tallies)}
        told: dict[str, Any] = {"unread_notifications": self.tallies.get(MAIN, NOTHING).to_json()}
        threads = {
            thread: tally.to_json()
            for thread, tally in self.tallies.items()
            if thread != MAIN and tally.notifications > 0
        }
        if threads:
            told["unread_thread_notifications"] = threads
        return told

    def _recount(self, thread: str, position: int) -> None:
        tally = NOTHING
        for entry in self.recent:
            if entry.thread_id == thread and entry.position > position:
                tally = tally.plus(entry)
        if tally.notifications:
            self.tallies[thread] = tally
        else:
            self.tallies.pop(thread, None)


def _total(tallies: dict[str, Tally]) -> dict[str, int]:
    if len(tallies) == 1:
        (tally,) = tallies.values()
        return tally.to_json()
    return {
        "notification_count": sum(tally.notifications for tally in tallies.values()),
        "highlight_count": sum(tally.highlights for tally in tallies.values()),
    }


NOTHING_UNREAD: Final = {"notification_count": 0, "highlight_count": 0}


@dataclass(slots=True)
class Changes:
    """In which rooms one user's counts changed, the latest last, by the position of what changed them."""

    since: int
    """What came before this position is not known."""
    rooms: dict[RoomId, int] = field(default_factory=dict)
    _last: int = 0

    def note(self, room_id: RoomId, position: int) -> None:
        """Positions may come out of order; a room is then told of once more than need be."""
        self._last = max(self._last, position)
        self.rooms.pop(room_id, None)
        self.rooms[room_id] = self._last

    def after(self, position: int) -> list[RoomId]:
        """The rooms that changed after a position."""
        found = []
        for room_id in reversed(self.rooms):
            if self.rooms[room_id] <= position:
                break
            found.append(room_id)
        return found
