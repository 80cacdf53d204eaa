"""The part of `/sync` that says who has read what: `m.receipt` among the ephemeral events of a room."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from hs_core.core import Core
from hs_core.db import Database
from hs_core.matrix.identifiers import RoomId
from hs_core.plugin import Parts, RoomParts, Section, SectionEvent, Window
from hs_plugins.receipts import store
from hs_plugins.receipts.api import RECEIPT_CHANGES, ReceiptRow
from hs_plugins.receipts.recent import RecentReceipts, receipt_events

MAX_OF_ROOM: Final = 100
"""The newest receipts of a room, for a client that does not know it or was away for long."""
MAX_OWN: Final = 2_000
"""The user's own, in all rooms together."""


@dataclass(frozen=True)
class ReceiptsSection:
    """Tells live clients from memory, and others from the database."""

    db: Database
    recent: RecentReceipts

    @classmethod
    def of(cls, core: Core) -> ReceiptsSection:
        """That of one process."""
        follower = core.follower(RECEIPT_CHANGES)
        recent = RecentReceipts(follower.position)
        follower.subscribe(recent.receive)
        return cls(core.db, recent)

    async def collect(self, window: Window) -> Parts | None:
        told: dict[RoomId, list[SectionEvent]] = {}
        if window.after is None:
            told = await self._stored(window, window.joined, 0)
        else:
            if window.after >= self.recent.horizon:
                told = self.recent.after(window.after, window.up_to, window.joined, window.user_id)
            else:
                told = await self._stored(window, window.joined, window.after)
            if window.newly_joined:
                told |= await self._stored(window, window.newly_joined, 0)
        return Parts(rooms={room_id: RoomParts(ephemeral=events) for room_id, events in told.items()}) if told else None

    async def _stored(
        self, window: Window, room_ids: Collection[RoomId], after: int
    ) -> dict[RoomId, list[SectionEvent]]:
        stretch = store.Stretch(after, window.up_to)
        rows = await self.db.read(
            lambda tx: {
                **dict(store.newest(tx, window.user_id, room_ids, stretch, MAX_OF_ROOM)),
                **dict(store.of_user(tx, window.user_id, room_ids, stretch, MAX_OWN)),
            }
        )
        rooms: dict[RoomId, list[ReceiptRow]] = {}
        for _, row in sorted(rows.items()):
            rooms.setdefault(row.room_id, []).append(row)
        return {room_id: receipt_events(receipts) for room_id, receipts in rooms.items()}


def concerned(row: ReceiptRow) -> tuple[str]:
    """Whom a receipt is news to."""
    return (row.user_id if row.is_private else row.room_id,)


SECTION = Section("rc", RECEIPT_CHANGES, concerns=concerned, open=ReceiptsSection.of)
