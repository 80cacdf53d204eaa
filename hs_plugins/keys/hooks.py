"""What follows for keys from what happens elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from hs_core.cluster.calls import Services
from hs_core.core import Core
from hs_core.matrix.identifiers import DeviceId, UserId
from hs_core.plugin.hookspecs import hookimpl
from hs_plugins.keys.api import DEVICE_KEYS, ONE_TIME_KEYS


@dataclass(frozen=True)
class KeysHooks:
    services: Services

    @classmethod
    def make(cls, core: Core) -> KeysHooks:
        return cls(core.services)

    @hookimpl
    async def device_deleted(self, user: UserId, device: DeviceId) -> None:
        """Before anybody can log in as that device again: else the stream of accounts tells of it."""
        await self.services[ONE_TIME_KEYS].forget_devices(user, [device])
        await self.services[DEVICE_KEYS].devices_changed(user, [device])
