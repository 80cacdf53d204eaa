"""What a stretch of events and receipts changes in the tables, worked out before the transaction begins. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec

from hs_core.matrix.identifiers import RoomId, UserId
from hs_plugins.notifications.entries import chunks_of
from hs_plugins.notifications.evaluation import Notified, Outcome
from hs_plugins.notifications.rows import NotificationRow, NotifiedEvent, Told
from hs_plugins.notifications.store import MAX_TOLD, Count, Thread, Written
from hs_plugins.receipts.api import ReceiptRow

Mine: TypeAlias = Callable[[UserId, int], bool]
"""Whether what happened at a position is to be written for a user: that it is not yet, and not by somebody else."""

Unread: TypeAlias = list[tuple[int, bool]]
"""Positions of events, and whether each is highlighted."""


@dataclass
class Plan:
    """Changes to the tables. What is cleared was there before; what is unread comes after that."""

    ts: int
    """When all of this is decided, in milliseconds since the epoch."""
    mine: Mine
    events: dict[int, NotifiedEvent] = field(default_factory=dict)
    """That somebody is notified of, by their positions."""
    cleared: set[Thread] = field(default_factory=set)
    cleared_rooms: set[tuple[UserId, RoomId]] = field(default_factory=set)
    removed: set[int] = field(default_factory=set)
    """Positions of events that were redacted."""
    receipts: list[ReceiptRow] = field(default_factory=list)
    unread: dict[tuple[UserId, RoomId], dict[str, Unread]] = field(default_factory=dict)
    _actions: dict[int, str] = field(default_factory=dict)
    """As JSON. The outcomes, which the caller keeps meanwhile, keep the objects."""

    def happen(self, outcomes: Iterable[Outcome]) -> None:
        """Events, in the order of each room's."""
        for outcome in outcomes:
            told = [self._told(outcome, notified) for notified in outcome.notified]
            if told := [each for each in told if each.users]:
                self.events[outcome.position] = NotifiedEvent(
                    outcome.position, outcome.room_id, outcome.event_id, outcome.thread_id, tuple(told)
                )
            for user, thread_id in outcome.reads:
                if self.mine(user, outcome.position):
                    self._read(user, outcome.room_id, thread_id)
            if outcome.removes is not None:
                self._remove(outcome.removes, outcome.room_id)

    def written(self) -> list[Written]:
        """The rows of the stream, none of which is too large to be carried about."""
        rows: list[Written] = []
        events: list[NotifiedEvent] = []
        size = 0
        for event in self.events.values():
            events.append(event)
            size += sum(len(told.users) for told in event.told)
            if size >= MAX_TOLD:
                rows.append(self._written(events))
                events, size = [], 0
        return [*rows, self._written(events)] if events else rows

    def _written(self, events: list[NotifiedEvent]) -> Written:
        row = NotificationRow(self.ts, tuple(events))
        return Written(row, chunks_of(row))

    def read(self, row: ReceiptRow) -> None:
        """A receipt for one of these events, or for an earlier one."""
        self.receipts.append(row)
        threads = self.unread.get((row.user_id, row.room_id), {})
        for thread_id in [row.thread_id] if row.thread_id is not None else list(threads):
            left = [one for one in threads.get(thread_id, ()) if one[0] > row.event_position]
            if left:
                threads[thread_id] = left
            else:
                threads.pop(thread_id, None)

    def counts(self) -> dict[Thread, Count]:
        """What is unread."""
        return {
            Thread(user, room_id, thread_id): Count(
                len(events), sum(highlight for _, highlight in events), events[0][0], events[-1][0]
            )
            for (user, room_id), threads in self.unread.items()
            for thread_id, events in threads.items()
        }

    def _told(self, outcome: Outcome, notified: Notified) -> Told:
        mine, position, actions = self.mine, outcome.position, notified.actions
        users = tuple([user for user in notified.users if mine(user, position)])
        event, room_id, thread_id = (position, actions.highlight), outcome.room_id, outcome.thread_id
        for user in users:
            threads = self.unread.get((user, room_id))
            if threads is None:
                threads = self.unread[user, room_id] = {}
            if thread_id in threads:
                threads[thread_id].append(event)
            else:
                threads[thread_id] = [event]
        text = self._actions.get(id(actions))
        if text is None:
            text = self._actions[id(actions)] = msgspec.json.encode(actions.to_json()).decode()
        return Told(text, event[1], users)

    def _read(self, user: UserId, room_id: RoomId, thread_id: str | None) -> None:
        if thread_id is None:
            self.unread.pop((user, room_id), None)
            self.cleared_rooms.add((user, room_id))
        else:
            self.unread.get((user, room_id), {}).pop(thread_id, None)
            self.cleared.add(Thread(user, room_id, thread_id))

    def _remove(self, position: int, room_id: RoomId) -> None:
        event = self.events.pop(position, None)
        if event is None:
            self.removed.add(position)
            return
        for told in event.told:
            for user in told.users:
                threads = self.unread.get((user, room_id), {})
                left = [one for one in threads.get(event.thread_id, ()) if one[0] != position]
                if left:
                    threads[event.thread_id] = left
                else:
                    threads.pop(event.thread_id, None)
