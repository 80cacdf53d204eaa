"""What follows for messages from what happens elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from hs_core.cluster.calls import Services
from hs_core.core import Core
from hs_core.matrix.identifiers import DeviceId, UserId
from hs_core.plugin.hookspecs import hookimpl
from hs_plugins.to_device.api import TO_DEVICE


@dataclass(frozen=True)
class ToDeviceHooks:
    services: Services

    @classmethod
    def make(cls, core: Core) -> ToDeviceHooks:
        return cls(core.services)

    @hookimpl
    async def device_deleted(self, user: UserId, device: DeviceId) -> None:
        """Nobody will fetch what waits for it."""
        await self.services[TO_DEVICE].forget_device(user, device)
