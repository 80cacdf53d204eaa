"""The newest receipts in memory, as a whole and by room, so that live clients need no database."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, NamedTuple

import orjson

from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.plugin import SectionEvent
from hs_core.streams.batch import Batch
from hs_plugins.receipts.rows import ReceiptRow

MAX_ROWS: Final = 20_000


class Heard(NamedTuple):
    """A row of the stream, and how it looks by itself."""

    position: int
    row: ReceiptRow
    event: SectionEvent


class RecentReceipts:
    """Every row after `horizon`."""

    def __init__(self, horizon: int, max_rows: int = MAX_ROWS) -> None:
        self.horizon = horizon
        self._position = horizon
        self._order: deque[Heard] = deque()
        self._rooms: dict[RoomId, deque[Heard]] = {}
        self._max_rows = max_rows

    def receive(self, batch: Batch[ReceiptRow]) -> None:
        """The next rows of the stream."""
        for position, row in batch.rows:
            heard = Heard(position, row, receipt_events([row])[0])
            self._order.append(heard)
            self._rooms.setdefault(row.room_id, deque()).append(heard)
            if len(self._order) > self._max_rows:
                self._forget_oldest()
        self._position = batch.up_to

    def after(
        self, position: int, up_to: int, among: Collection[RoomId], user_id: UserId
    ) -> dict[RoomId, list[SectionEvent]]:
        """What a user is to be told of some rooms, since a position that is not before the horizon.

        Costs the number of rows since then, or the number of rooms, whichever is less.
        """
        found: dict[RoomId, list[Heard]] = {}
        if self._position - position <= len(among):
            for heard in _newer(self._order, position):
                if heard.row.room_id in among:
                    found.setdefault(heard.row.room_id, []).append(heard)
        else:
            for room_id in among:
                found[room_id] = list(_newer(self._rooms.get(room_id, ()), position))
        seen = {room_id: _seen(heard, up_to, user_id) for room_id, heard in found.items()}
        return {room_id: _events(heard) for room_id, heard in seen.items() if heard}

    def _forget_oldest(self) -> None:
        oldest = self._order.popleft()
        rows = self._rooms[oldest.row.room_id]
        rows.popleft()
        if not rows:
            del self._rooms[oldest.row.room_id]
        self.horizon = oldest.position


def receipt_events(rows: Iterable[ReceiptRow]) -> list[SectionEvent]:
    """ "receipts SHOULD be batched into one event per room and thread before delivering them": those of one room.

    One user's receipts of several threads may be for the same event, so they cannot be in the same `m.receipt`.
    """
    threads: dict[str | None, dict[str, Any]] = {}
    for row in rows:
        content = threads.setdefault(row.thread_id, {})
        said: dict[str, Any] = {"ts": row.ts}
        if row.thread_id is not None:
            said["thread_id"] = row.thread_id
        content.setdefault(row.event_id, {}).setdefault(row.type, {})[row.user_id] = said
    return [
        SectionEvent("m.receipt", None, orjson.dumps({"type": "m.receipt", "content": content}))
        for content in threads.values()
    ]


def _newer(rows: Sequence[Heard], position: int) -> Iterable[Heard]:
    """Those after a position, the newest first."""
    for heard in reversed(rows):
        if heard.position <= position:
            return
        yield heard


def _seen(rows: Iterable[Heard], up_to: int, user_id: UserId) -> list[Heard]:
    """Those that the user may see and that were not replaced by another of them."""
    newest: dict[tuple[str, ...], Heard] = {}
    for heard in rows:
        row = heard.row
        if heard.position <= up_to and (not row.is_private or row.user_id == user_id):
            newest.setdefault((row.user_id, row.type, row.thread_id or ""), heard)
    return list(newest.values())


def _events(rows: Sequence[Heard]) -> list[SectionEvent]:
    return [rows[0].event] if len(rows) == 1 else receipt_events(heard.row for heard in reversed(rows))
