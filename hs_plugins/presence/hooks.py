"""What follows for presence from what happens elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from hs_core.cluster.calls import ServiceMissing, Services
from hs_core.core import Core
from hs_core.matrix.identifiers import DeviceId, UserId
from hs_core.plugin.hookspecs import hookimpl
from hs_plugins.presence.api import PRESENCE, Presence
from hs_plugins.presence.config import PresenceConfig
from hs_plugins.presence.rows import OFFLINE, State
from hs_plugins.presence.service import GRACE_MS


@dataclass(frozen=True)
class PresenceHooks:
    enabled: bool
    services: Services

    @classmethod
    def make(cls, core: Core) -> PresenceHooks:
        return cls(core.section("presence", PresenceConfig).enabled, core.services)

    @property
    def presence(self) -> Presence | None:
        """`None` where nobody is told anyway."""
        try:
            return self.services[PRESENCE] if self.enabled else None
        except ServiceMissing:
            return None

    @hookimpl
    async def client_syncs(self, user: UserId, device: DeviceId | None, presence: str, timeout_ms: int) -> None:
        """ "If [...] this parameter is set to "offline", then the client is not marked as being online" """
        if presence != OFFLINE and (known := self.presence) is not None:
            await known.heard(user, device, cast(State, presence), timeout_ms + GRACE_MS)

    @hookimpl
    async def device_deleted(self, user: UserId, device: DeviceId) -> None:
        if (known := self.presence) is not None:
            await known.gone(user, device)

    @hookimpl
    async def user_deactivated(self, user: UserId) -> None:
        if (known := self.presence) is not None:
            await known.forget(user)
