"""What a device is told of its own one-time keys: `device_one_time_keys_count`, `device_unused_fallback_key_types`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from hs_core.cache import LRU
from hs_core.core import Core
from hs_core.db import Database
from hs_core.plugin import Parts, Section, Window
from hs_core.streams.batch import Batch
from hs_plugins.keys.api import ONE_TIME_KEY_SUPPLIES
from hs_plugins.keys.rows import OneTimeKeysRow, Supply
from hs_plugins.keys.store import supplies
from hs_plugins.keys.store.supplies import Place

REMEMBERED: Final = 100_000
"""Devices."""


@dataclass
class SupplySection:
    """Tells from memory; a device that was not heard of is looked up once."""

    db: Database
    known: LRU[Place, tuple[int, Supply]] = field(default_factory=lambda: LRU(REMEMBERED))
    changes: int = 0

    @classmethod
    def of(cls, core: Core) -> SupplySection:
        """That of one process."""
        section = cls(core.db)
        core.follower(ONE_TIME_KEY_SUPPLIES).subscribe(section.receive)
        return section

    def receive(self, batch: Batch[OneTimeKeysRow]) -> None:
        """The next rows of the stream."""
        self.changes += 1
        for position, row in batch.rows:
            self.known[(row.user_id, row.device_id)] = (position, row.supply)

    async def collect(self, window: Window) -> Parts | None:
        if window.device_id is None:
            return None
        position, supply = await self._supply((window.user_id, window.device_id))
        fields = {
            # Clients that have heard of no count at all do not upload keys.
            "device_one_time_keys_count": {"signed_curve25519": 0} | supply.counts,
            "device_unused_fallback_key_types": list(supply.unused),
        }
        return Parts(fields=fields, news=window.after is not None and position > window.after)

    async def _supply(self, place: Place) -> tuple[int, Supply]:
        known = self.known.get(place)
        if known is not None:
            return known
        changes = self.changes
        stored = await self.db.read(lambda tx: supplies.supply(tx, place))
        if changes == self.changes:  # else what was read may be out of date already
            self.known[place] = stored
        return stored


SECTION = Section(
    "ok", ONE_TIME_KEY_SUPPLIES, concerns=lambda row: (row.user_id,), open=SupplySection.of, every_time=True
)
