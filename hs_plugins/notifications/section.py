"""The part of `/sync` that says how much is unread: `unread_notifications` and `unread_thread_notifications`.

It follows the receipts: with the events of rooms, which every response follows anyway, they are all that counts depend
on. So a client is woken by a receipt from another device, and "the updated notification count from a new event MUST
appear in the same `/sync` response as the event itself" is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from hs_core.core import Core
from hs_core.matrix.identifiers import RoomId
from hs_core.plugin import Parts, RoomParts, Section, Window
from hs_plugins.notifications.api import NOTIFICATIONS_READ
from hs_plugins.notifications.counts import Counts, UserCounts
from hs_plugins.notifications.reading import StoredNotifications
from hs_plugins.notifications.unread import NOTHING_UNREAD
from hs_plugins.notifications.watch import Watch
from hs_plugins.receipts.api import RECEIPT_CHANGES, RECEIPTS_READ, ReceiptsRead


@dataclass(frozen=True)
class UnreadSection:
    """Tells of the rooms that are shown anyway, and of those whose counts changed."""

    watch: Watch
    counts: Counts
    receipts: ReceiptsRead

    @classmethod
    def of(cls, core: Core) -> UnreadSection:
        """That of one process."""
        read = cast(StoredNotifications, core.read_sides[NOTIFICATIONS_READ])
        watching = read.watching(core)
        return cls(watching.watch, watching.counting(core), core.read_sides[RECEIPTS_READ])

    async def collect(self, window: Window) -> Parts | None:
        if self.watch.pending:
            await self.watch.settled(window.joined)
        counts = await self.counts.of(window.user_id)
        rooms = window.shown
        if window.after is not None and (changed := await self._changed(counts, window)):
            rooms = {*rooms, *changed}.intersection(window.joined)
        if not rooms:
            return None
        return Parts(rooms={room_id: RoomParts(fields=_told(counts, room_id, window)) for room_id in rooms})

    async def _changed(self, counts: UserCounts, window: Window) -> list[RoomId]:
        after, events_after = window.after or 0, window.events_after or 0
        changed = counts.by_event.after(events_after)
        if events_after < counts.by_event.since:
            changed += [room_id for room_id, room in counts.rooms.items() if room.last > events_after]
        if after >= counts.by_receipt.since:
            return changed + counts.by_receipt.after(after)
        return [*changed, *await self.receipts.moved(window.user_id, after, window.up_to)]


def _told(counts: UserCounts, room_id: RoomId, window: Window) -> dict[str, Any]:
    room = counts.rooms.get(room_id)
    if room is None:
        return {"unread_notifications": NOTHING_UNREAD}
    return room.to_json(per_thread=window.per_thread)


SECTION = Section("un", RECEIPT_CHANGES, concerns=lambda row: (row.user_id,), open=UnreadSection.of, every_time=True)
