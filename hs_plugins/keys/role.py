"""What runs where the plugin is active."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hs_core.cluster.calls import Services
from hs_core.core import Core
from hs_core.db import Database
from hs_core.matrix.identifiers import ServerName
from hs_core.streams.follower import Follower
from hs_plugins.keys.accounts import AccountFollower
from hs_plugins.keys.api import DEVICE_KEYS, DEVICE_LISTS, ONE_TIME_KEY_SUPPLIES, ONE_TIME_KEYS, DeviceKeys, OneTimeKeys
from hs_plugins.keys.device_lists import DeviceLists
from hs_plugins.keys.devices import DeviceKeysService
from hs_plugins.keys.moves import Neighbours
from hs_plugins.keys.one_time import OneTimeKeysService
from hs_plugins.keys.rows import DeviceListRow
from hs_plugins.login.api import ACCOUNT_CHANGES, INTERACTIVE, USERS, Interactive, Users
from hs_plugins.rooms.api import EVENTS, ROOMS_READ, EventRow, RoomsRead

ACCOUNTS_KEY = "accounts"
"""Whoever owns this key of `device_lists` takes in what happens to accounts."""
RETRY_SECONDS = 1.0


@dataclass(frozen=True)
class KeysRole(DeviceKeysService, OneTimeKeysService):
    """Implements both services of the plugin, and is what the handlers are given.

    Handlers call the services by their keys: the user may be owned by another process.
    """

    server_name: ServerName
    db: Database
    services: Services
    users: Users
    rooms: RoomsRead
    changes: DeviceLists
    accounts: AccountFollower
    list_follower: Follower[DeviceListRow]
    event_follower: Follower[EventRow]

    @property
    def device_keys(self) -> DeviceKeys:
        return self.services[DEVICE_KEYS]

    @property
    def one_time_keys(self) -> OneTimeKeys:
        return self.services[ONE_TIME_KEYS]

    @property
    def interactive(self) -> Interactive:
        return self.services[INTERACTIVE]

    async def look_at_accounts(self) -> None:
        """In case that nobody was there when something happened."""
        await self.accounts.take_in_or_log()

    async def follow_accounts(self) -> None:
        """Take in changes of accounts as they happen, for as long as the plugin is active."""
        while True:
            await self.accounts.news.wait()
            self.accounts.news.clear()
            if self.lists.owns(ACCOUNTS_KEY) and not await self.accounts.take_in_or_log():
                await self.clock.sleep(RETRY_SECONDS)
                self.accounts.news.set()


@asynccontextmanager
async def start(core: Core) -> AsyncIterator[KeysRole]:
    """Own keys for as long as the context lasts."""
    users, rooms = core.read_sides[USERS], core.read_sides[ROOMS_READ]
    accounts = AccountFollower(core.db, core.services, users, core.follower(ACCOUNT_CHANGES))
    accounts.follower.subscribe(accounts.receive)
    role = KeysRole(
        lists=core.writer(DEVICE_LISTS),
        members=rooms.members,
        supplies=core.writer(ONE_TIME_KEY_SUPPLIES),
        clock=core.clock,
        server_name=core.server_name,
        db=core.db,
        services=core.services,
        users=users,
        rooms=rooms,
        changes=DeviceLists(core.db, Neighbours(rooms.members)),
        accounts=accounts,
        list_follower=core.follower(DEVICE_LISTS),
        event_follower=core.follower(EVENTS),
    )
    accounts.news.set()  # perhaps something happened while nobody was there, or its owner was about to see to it
    role.lists.on_take(accounts.news.set)
    async with asyncio.TaskGroup() as group:
        following = group.create_task(role.follow_accounts(), name="follow devices")
        yield role
        following.cancel()
