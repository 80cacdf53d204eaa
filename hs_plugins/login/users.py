"""The plugin's read side `USERS`: accounts and devices, from the database."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from hs_core.db import Database
from hs_core.matrix.identifiers import DeviceId, UserId
from hs_plugins.login.store import accounts, devices
from hs_plugins.login.values import Account, Device


@dataclass(frozen=True)
class UsersReader:
    """Every question is one read."""

    db: Database

    async def account(self, user_id: UserId) -> Account | None:
        return await self.db.read(lambda tx: accounts.account(tx, user_id))

    async def existing(self, user_ids: Collection[UserId]) -> set[UserId]:
        return await self.db.read(lambda tx: accounts.existing(tx, user_ids))

    async def page(self, after: UserId | None, limit: int) -> list[Account]:
        return await self.db.read(lambda tx: accounts.page(tx, after, limit))

    async def devices(self, user_id: UserId) -> list[Device]:
        return (await self.devices_of([user_id])).get(user_id, [])

    async def device(self, user_id: UserId, device_id: DeviceId) -> Device | None:
        return await self.db.read(lambda tx: devices.device(tx, user_id, device_id))

    async def devices_of(self, user_ids: Collection[UserId]) -> dict[UserId, list[Device]]:
        return await self.db.read(lambda tx: devices.of_users(tx, user_ids))
