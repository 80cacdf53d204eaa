"""The part of `/sync` that says what a user's clients have kept: `account_data`, of the account and of rooms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import orjson

from hs_core.core import Core
from hs_core.db import Database, Transaction
from hs_core.matrix.identifiers import RoomId
from hs_core.plugin import Parts, RoomParts, Section, SectionEvent, Window
from hs_plugins.account_data import store
from hs_plugins.account_data.api import ACCOUNT_DATA_CHANGES
from hs_plugins.account_data.recent import RecentData
from hs_plugins.account_data.rows import AccountDataRow


@dataclass(frozen=True)
class AccountDataSection:
    """Tells from memory; from the database what happened before it began, and all there is of rooms that are new."""

    db: Database
    recent: RecentData

    @classmethod
    def of(cls, core: Core) -> AccountDataSection:
        """That of one process."""
        follower = core.follower(ACCOUNT_DATA_CHANGES)
        recent = RecentData(follower.position)
        follower.subscribe(recent.receive)
        return cls(core.db, recent)

    async def collect(self, window: Window) -> Parts | None:
        rows = [row for row in await self._rows(window) if row.room_id is None or row.room_id in window.joined]
        return _parts(rows) if rows else None

    async def _rows(self, window: Window) -> Sequence[AccountDataRow]:
        """In the order in which they were set; one may be there twice, or have been replaced by a later one."""
        user, after, up_to = window.user_id, window.after, window.up_to
        if after is None:
            return await self.db.read(lambda tx: store.since(tx, user, 0, up_to))
        if after >= self.recent.horizon:
            told = self.recent.after(user, after, up_to)
            if not window.newly_joined:
                return told
            return [*await self.db.read(lambda tx: store.in_rooms(tx, user, window.newly_joined, after)), *told]

        def both(tx: Transaction) -> list[AccountDataRow]:
            before = store.in_rooms(tx, user, window.newly_joined, after) if window.newly_joined else []
            return [*before, *store.since(tx, user, after, up_to)]

        return await self.db.read(both)


def _parts(rows: Iterable[AccountDataRow]) -> Parts:
    newest = {(row.room_id, row.type): row.content for row in rows}
    of_account: list[SectionEvent] = []
    of_rooms: dict[RoomId, RoomParts] = {}
    for (room_id, type_), content in newest.items():
        event = SectionEvent(type_, None, orjson.dumps({"type": type_, "content": orjson.Fragment(content)}))
        if room_id is None:
            of_account.append(event)
        else:
            of_rooms.setdefault(room_id, RoomParts()).account_data.append(event)
    return Parts(events={"account_data": of_account}, rooms=of_rooms)


SECTION = Section("ad", ACCOUNT_DATA_CHANGES, concerns=lambda row: (row.user_id,), open=AccountDataSection.of)
