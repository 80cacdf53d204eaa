"""The dehydrated devices role: a device that receives room keys while its user has no other."""

from __future__ import annotations

from typing import Final

from hs_core.plugin import By, Migrations, Plugin, RateClass, Route
from hs_plugins.dehydrated_devices import handlers
from hs_plugins.dehydrated_devices.hooks import DehydratedDevicesHooks
from hs_plugins.dehydrated_devices.role import start

DEVICE: Final = r"/_matrix/client/unstable/org\.matrix\.msc3814\.v1/dehydrated_device"

plugin = Plugin(
    name="dehydrated_devices",
    requires=["keys", "login", "to_device"],
    routes=[
        Route("PUT", DEVICE, handlers.put_device, affinity=By.USER, rate=RateClass.MESSAGE, max_body=512 * 1024),
        Route("GET", DEVICE, handlers.get_device, affinity=By.USER),
        Route("DELETE", DEVICE, handlers.delete_device, affinity=By.USER, rate=RateClass.MESSAGE),
        Route("POST", DEVICE + "/(?P<device_id>[^/]+)/events", handlers.post_events, affinity=By.USER),
    ],
    hooks=DehydratedDevicesHooks.make,
    start=start,
    migrations=Migrations("hs_plugins.dehydrated_devices"),
    unstable_features={"org.matrix.msc3814": True},
)
