"""The to-device role: messages from device to device."""

from __future__ import annotations

from datetime import timedelta

from hs_core.plugin import By, Migrations, Plugin, RateClass, Route, Task
from hs_core.plugin.paths import CLIENT_R0
from hs_plugins.to_device import handlers
from hs_plugins.to_device.api import TO_DEVICE, TO_DEVICE_MESSAGES
from hs_plugins.to_device.hooks import ToDeviceHooks
from hs_plugins.to_device.section import SECTION
from hs_plugins.to_device.service import ToDeviceRole, start

SEND = CLIENT_R0 + "/sendToDevice/(?P<type>[^/]+)/(?P<txn_id>[^/]+)"
MAX_BODY = 2 * 1024 * 1024
"""Bytes: the keys of a large room go to many devices at once."""

plugin = Plugin(
    name="to_device",
    requires=["login"],
    routes=[
        Route(
            "PUT",
            SEND,
            handlers.put_message,
            affinity=By.USER,
            rate=RateClass.MESSAGE,
            guests=True,
            max_body=MAX_BODY,
        ),
    ],
    writes=[TO_DEVICE_MESSAGES],
    serves=[TO_DEVICE],
    sections=[SECTION],
    hooks=ToDeviceHooks.make,
    start=start,
    tasks=[Task("forget old transactions", timedelta(hours=1), ToDeviceRole.forget_transactions)],
    migrations=Migrations("hs_plugins.to_device"),
)
