"""Take in what happens to accounts: devices that came, went, or have another name."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import structlog

from hs_core.cluster.calls import Services
from hs_core.cluster.leases import NotOwner
from hs_core.db import Database, DatabaseUnavailable
from hs_core.errors import MatrixError
from hs_core.matrix.identifiers import DeviceId, UserId
from hs_core.streams.batch import Batch
from hs_core.streams.follower import Follower
from hs_plugins.keys.api import DEVICE_KEYS, ONE_TIME_KEYS
from hs_plugins.keys.store import lists
from hs_plugins.login.api import ACCOUNT_CHANGES, AccountRow, Users

ROWS_AT_ONCE: Final = 500
_DEVICES: Final = {"device_created", "device_renamed", "device_deleted"}

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class AccountFollower:
    """Goes on where the deployment has come to, so that no change is missed whatever happens to processes.

    A change may be taken in twice, which does no harm.
    """

    db: Database
    services: Services
    users: Users
    follower: Follower[AccountRow]
    news: asyncio.Event = field(default_factory=asyncio.Event)
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    def receive(self, batch: Batch[AccountRow]) -> None:
        """The next changes of accounts."""
        if any(row.change in _DEVICES for _, row in batch.rows):
            self.news.set()

    async def take_in(self) -> None:
        """All that has happened. Raises NotOwner, DatabaseUnavailable, MatrixError; then it can be done again."""
        async with self.one_at_a_time:
            up_to = self.follower.position
            after = await self.db.read(lists.followed)
            while after < up_to:
                rows = await self._rows(after, up_to)
                await self._tell([row for _, row in rows if row.change in _DEVICES])
                after = rows[-1][0] if len(rows) == ROWS_AT_ONCE else up_to
                await self.db.write(partial(lists.follow, position=after))

    async def take_in_or_log(self) -> bool:
        """Whether all was taken in; if not, it has to be tried again."""
        try:
            await self.take_in()
            return True
        except (NotOwner, DatabaseUnavailable, MatrixError) as error:
            log.warning("changes of devices are not taken in yet", error=str(error))
            return False

    async def _rows(self, after: int, up_to: int) -> Sequence[tuple[int, AccountRow]]:
        return await self.db.read(lambda tx: ACCOUNT_CHANGES.load(tx, after, up_to, ROWS_AT_ONCE))

    async def _tell(self, rows: list[AccountRow]) -> None:
        deleted: dict[UserId, set[DeviceId]] = {}
        for row in rows:
            of_user = deleted.setdefault(row.user_id, set())
            if row.change == "device_deleted" and row.device_id is not None:
                of_user.add(row.device_id)
        there = await self.users.devices_of(deleted) if deleted else {}
        for user, devices in deleted.items():
            gone = sorted(devices - {each.device_id for each in there.get(user, ())})
            if gone:
                await self.services[ONE_TIME_KEYS].forget_devices(user, gone)
            await self.services[DEVICE_KEYS].devices_changed(user, gone)
