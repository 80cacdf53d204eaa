"""What follows for presence from what happens elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, cast

import structlog

from hs_core.clock import Clock
from hs_core.cluster.calls import ServiceMissing, Services
from hs_core.core import Core
from hs_core.errors import Unavailable
from hs_core.matrix.identifiers import DeviceId, UserId
from hs_core.plugin.hookspecs import hookimpl
from hs_plugins.presence.api import PRESENCE, PRESENCE_CHANGES, Presence
from hs_plugins.presence.config import PresenceConfig
from hs_plugins.presence.heard import SAID_AHEAD_MS, SaidOfClients
from hs_plugins.presence.rows import OFFLINE, State
from hs_plugins.presence.service import GRACE_MS

log = structlog.get_logger(__name__)

PATIENCE: Final = 1.0
"""Seconds that a sync waits for presence, while the process that keeps it is replaced."""


@dataclass(frozen=True)
class PresenceHooks:
    enabled: bool
    services: Services
    clock: Clock
    said: SaidOfClients | None

    @classmethod
    def make(cls, core: Core) -> PresenceHooks:
        said = None
        if core.streams.follows(PRESENCE_CHANGES):
            said = SaidOfClients()
            core.follower(PRESENCE_CHANGES).subscribe(said.hear)
        return cls(core.section("presence", PresenceConfig).enabled, core.services, core.clock, said)

    @hookimpl
    async def client_syncs(self, user: UserId, device: DeviceId | None, presence: str, timeout_ms: int) -> None:
        """ "If [...] this parameter is set to "offline", then the client is not marked as being online" """
        if presence == OFFLINE or not self.enabled:
            return
        state, for_ms, now = cast(State, presence), timeout_ms + GRACE_MS, self.clock.now_ms()
        if self.said is not None and self.said.is_known(user, device, state, now + for_ms):
            return
        async with self._presence() as known:
            await known.heard(user, device, state, for_ms + SAID_AHEAD_MS)
            if self.said is not None:
                self.said.remember(user, device, state, now + for_ms + SAID_AHEAD_MS)

    @hookimpl
    async def device_deleted(self, user: UserId, device: DeviceId) -> None:
        if self.enabled:
            async with self._presence() as known:
                await known.gone(user, device)

    @hookimpl
    async def user_deactivated(self, user: UserId) -> None:
        if self.enabled:
            async with self._presence() as known:
                await known.forget(user)

    @asynccontextmanager
    async def _presence(self) -> AsyncIterator[Presence]:
        """To tell the service something that it can do without, should it not be there."""
        try:
            async with asyncio.timeout(PATIENCE):
                yield self.services[PRESENCE]
        except ServiceMissing:
            pass
        except (TimeoutError, Unavailable) as error:
            log.info("presence was not told", reason=str(error) or "it takes too long")
