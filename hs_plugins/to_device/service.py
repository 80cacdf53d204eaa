"""What runs where the plugin is active."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from hs_core.clock import Clock
from hs_core.cluster.calls import Services
from hs_core.core import Core
from hs_core.db import Database
from hs_core.matrix.identifiers import DeviceId, ServerName, UserId
from hs_plugins.login.api import USERS
from hs_plugins.to_device import store
from hs_plugins.to_device.api import TO_DEVICE, TO_DEVICE_MESSAGES, Delivery, ToDevice, Waiting
from hs_plugins.to_device.commit import Committer

NO_END: Final = 2**63 - 1
"""A position after all others."""
TRANSACTIONS_KEPT: Final = 24 * 60 * 60 * 1000
"""Milliseconds within which a request may be repeated."""


@dataclass(frozen=True)
class ToDeviceRole:
    """Implements the service `TO_DEVICE`, and is what the handlers are given."""

    server_name: ServerName
    clock: Clock
    db: Database
    services: Services
    committer: Committer

    @property
    def calls(self) -> ToDevice:
        """To the process that owns the user."""
        return self.services[TO_DEVICE]

    async def deliver(self, user_id: UserId, delivery: Delivery) -> None:
        """See `ToDevice.deliver`."""
        await self.committer.deliver(user_id, delivery)

    async def waiting(self, user_id: UserId, device_id: DeviceId, after: int, limit: int) -> list[Waiting]:
        """See `ToDevice.waiting`."""
        found = await self.db.read(lambda tx: store.waiting(tx, (user_id, device_id), after, NO_END, limit))
        return [Waiting(position, row.sender, row.type, row.content) for position, row in found]

    async def forget_device(self, user_id: UserId, device_id: DeviceId) -> None:
        """See `ToDevice.forget_device`."""
        await self.db.write(lambda tx: store.forget_device(tx, (user_id, device_id)))

    async def forget_transactions(self) -> None:
        """Those that nobody will repeat any more."""
        before = self.clock.now_ms() - TRANSACTIONS_KEPT
        await self.db.write(lambda tx: store.forget_transactions(tx, before))


@asynccontextmanager
async def start(core: Core) -> AsyncIterator[ToDeviceRole]:
    """Own messages for as long as the context lasts."""
    committer = Committer(core.writer(TO_DEVICE_MESSAGES), core.read_sides[USERS], core.clock)
    async with asyncio.TaskGroup() as group:
        committing = group.create_task(committer.run(), name="commit messages to devices")
        yield ToDeviceRole(core.server_name, core.clock, core.db, core.services, committer)
        committing.cancel()
