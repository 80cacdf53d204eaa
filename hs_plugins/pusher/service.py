"""The calls of `Pushers`, in the process that owns the user, and the role."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from hs_core.clock import Clock
from hs_core.cluster.calls import Services
from hs_core.config.model import Outbound as OutboundSettings
from hs_core.core import Core
from hs_core.db import Database, Transaction
from hs_core.errors import UnknownToken
from hs_core.matrix.identifiers import DeviceId, UserId
from hs_core.outbound import Bounds, Outbound
from hs_core.streams.follower import stored_position
from hs_core.streams.writer import Log, Writer
from hs_plugins.login.api import USERS, AccountRow, Users
from hs_plugins.notifications.api import NOTIFICATIONS, NOTIFICATIONS_READ, NotificationsRead, Since
from hs_plugins.pusher import store
from hs_plugins.pusher.api import PUSHER_CHANGES, PUSHERS
from hs_plugins.pusher.composing import Composer
from hs_plugins.pusher.config import PusherConfig
from hs_plugins.pusher.gateway import Gateway
from hs_plugins.pusher.rows import PushersRow
from hs_plugins.pusher.sender import AT_ONCE, PER_GATEWAY, Sender
from hs_plugins.pusher.telling import Teller
from hs_plugins.pusher.values import Progress, Pusher, PusherSettings
from hs_plugins.rooms.api import ROOMS_READ

if TYPE_CHECKING:
    from hs_core.cluster.feeds import Portion

MAX_PUSHERS: Final = 50
"""Of one user."""
_REMOVED_AT_ONCE: Final = 100
_GONE: Final = frozenset({"device_deleted", "tokens_revoked", "deactivated"})


@dataclass(frozen=True)
class PusherRole:
    """Implements the service `PUSHERS`, and is what handlers and the feed are given."""

    writer: Writer[PushersRow]
    db: Database
    clock: Clock
    services: Services
    notifications: NotificationsRead
    users: Users
    outbound: Outbound
    outbound_settings: OutboundSettings

    async def of(self, user_id: UserId) -> list[Pusher]:
        """The user's pushers, as they are in the database."""
        return await self.db.read(lambda tx: store.of_users(tx, [user_id]))

    async def set(self, user_id: UserId, device_id: DeviceId | None, settings: PusherSettings, append: bool) -> None:
        """See `Pushers.set`."""
        if not append:
            await self._remove_others(user_id, settings)
        badge = (await self.notifications.badge(user_id)).notifications
        now = self.clock.now_ms()

        def work(tx: Transaction, log: Log[PushersRow]) -> None:
            store.lock_user(tx, user_id)
            begin = Progress(place=Since(stored_position(tx, NOTIFICATIONS.name)), badge=badge)
            store.put(tx, user_id, device_id, settings, now, begin=begin)
            store.prune(tx, user_id, MAX_PUSHERS)
            store.changed(tx, user_id, log.announce(PushersRow(user_id)))

        await self.writer.write([user_id], work)
        if device_id is not None and await self.users.device(user_id, device_id) is None:  # logged out meanwhile
            await self.remove(user_id, settings.app_id, settings.pushkey)
            raise UnknownToken

    async def remove(self, user_id: UserId, app_id: str, pushkey: str) -> None:
        """See `Pushers.remove`."""

        def work(tx: Transaction, log: Log[PushersRow]) -> None:
            if store.remove(tx, user_id, app_id, pushkey):
                store.lock_user(tx, user_id)
                store.changed(tx, user_id, log.announce(PushersRow(user_id)))

        await self.writer.write([user_id], work)

    async def forget_logged_out(self, portion: Portion) -> None:
        """A turn of the feed: "who has logged out" gets no more pushes, even if nobody could say so at the time."""
        rows: list[AccountRow] = [row for _, row in portion.rows if row.change in _GONE]
        devices = [
            (row.user_id, row.device_id) for row in rows if row.change == "device_deleted" and row.device_id is not None
        ]
        without = [row.user_id for row in rows if row.device_id is None]

        def work(tx: Transaction) -> None:
            store.forget_devices(tx, devices)
            if without:
                store.forget_without_device(tx, without)
            portion.done(tx)

        if rows:
            await self.db.write(work)

    async def _remove_others(self, user_id: UserId, settings: PusherSettings) -> None:
        """ "Otherwise, the homeserver must remove any other pushers with the same App ID and pushkey for different
        users."
        """
        app_id, pushkey = settings.app_id, settings.pushkey
        look = partial(store.others_having, app_id=app_id, pushkey=pushkey, but=user_id, limit=_REMOVED_AT_ONCE)
        while others := await self.db.read(look):
            for other in others:
                await self.services[PUSHERS].remove(other, app_id, pushkey)


@asynccontextmanager
async def start(core: Core) -> AsyncIterator[PusherRole]:
    """Own pushers for as long as the context lasts, and tell their gateways."""
    config, notifications = core.section("pusher", PusherConfig), core.read_sides[NOTIFICATIONS_READ]
    writer = core.writer(PUSHER_CHANGES)
    async with core.outbound(Bounds(AT_ONCE, PER_GATEWAY)) as outbound:
        teller = Teller(
            notifications,
            Composer(core.read_sides[ROOMS_READ]),
            Gateway(outbound, config.timeout.total_seconds()),
            core.clock,
            round(config.give_up_after.total_seconds() * 1000),
        )
        core.caches["pushed_events"] = teller.composer.remembered
        sender = Sender(writer, core.db, notifications, teller, core.clock)
        async with sender.running():
            core.follower(PUSHER_CHANGES).subscribe(sender.changed)
            core.follower(NOTIFICATIONS).subscribe(sender.notified)
            yield PusherRole(
                writer,
                core.db,
                core.clock,
                core.services,
                notifications,
                core.read_sides[USERS],
                outbound,
                core.config.outbound,
            )
