"""What has to outlive a restart, until it is written: in one transaction for many changes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from hs_core.cluster.leases import NotOwner
from hs_core.db import Database, Transaction
from hs_core.matrix.identifiers import UserId
from hs_core.streams.announcer import Announcer
from hs_plugins.presence import store
from hs_plugins.presence.rows import PresenceRow

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Noted:
    """Of one slot, under one epoch."""

    epoch: int
    rows: dict[UserId, PresenceRow] = field(default_factory=dict)


class Unsaved:
    """The newest row of each user, with the ownership under which it came to be."""

    def __init__(self, db: Database, announcer: Announcer[PresenceRow]) -> None:
        self._db = db
        self._announcer = announcer
        self._noted: dict[int, _Noted] = {}
        self._turn = asyncio.Lock()

    @property
    def count(self) -> int:
        """How many users' changes are not written."""
        return sum(len(noted.rows) for noted in self._noted.values())

    def of(self, user_id: UserId, epoch: int | None) -> PresenceRow | None:
        """What is to be written of a user, if it was noted under this epoch."""
        noted = self._noted.get(self._announcer.slot(user_id))
        return noted.rows.get(user_id) if noted is not None and noted.epoch == epoch else None

    def note(self, row: PresenceRow, epoch: int) -> None:
        """Have it written. What was noted for the slot under another epoch is out of date."""
        slot = self._announcer.slot(row.user_id)
        noted = self._noted.get(slot)
        if noted is None or noted.epoch != epoch:
            noted = self._noted[slot] = _Noted(epoch)
        noted.rows[row.user_id] = row

    async def forget(self, user_id: UserId) -> None:
        """Let there be nothing of this user, here or in the table."""
        async with self._turn:
            if noted := self._noted.get(self._announcer.slot(user_id)):
                noted.rows.pop(user_id, None)
                self._drop_empty()
            await self._db.write(lambda tx: store.delete(tx, user_id))

    async def save(self) -> None:
        """Write it, except for users of whom others know better by now. Raises DatabaseUnavailable."""
        async with self._turn:
            while self._noted:
                epochs = {slot: noted.epoch for slot, noted in self._noted.items()}
                try:
                    await self._save(epochs)
                except NotOwner as error:
                    log.info("presence is kept by another process now", slots=len(error.slots))
                    self._drop({slot: epochs[slot] for slot in error.slots})
                else:
                    return

    async def _save(self, epochs: Mapping[int, int]) -> None:
        rows = [row for noted in self._noted.values() for row in noted.rows.values()]

        def work(tx: Transaction) -> None:
            self._announcer.prove(tx, epochs)
            store.save(tx, rows)

        await self._db.write(work)
        self._saved(rows)

    def _saved(self, rows: Sequence[PresenceRow]) -> None:
        for row in rows:
            noted = self._noted.get(self._announcer.slot(row.user_id))
            if noted is not None and noted.rows.get(row.user_id) is row:  # else there is something newer
                del noted.rows[row.user_id]
        self._drop_empty()

    def _drop_empty(self) -> None:
        self._drop({slot: noted.epoch for slot, noted in self._noted.items() if not noted.rows})

    def _drop(self, epochs: Mapping[int, int]) -> None:
        for slot, epoch in epochs.items():
            if (noted := self._noted.get(slot)) is not None and noted.epoch == epoch:
                del self._noted[slot]
