"""The notifications role: what users are notified of, and what they have not read."""

from __future__ import annotations

from datetime import timedelta

from hs_core.plugin import By, Migrations, Offer, Plugin, Route, Task
from hs_core.plugin.paths import CLIENT_R0
from hs_plugins.notifications import handlers
from hs_plugins.notifications.api import NOTIFICATIONS, NOTIFICATIONS_READ
from hs_plugins.notifications.config import NotificationsConfig
from hs_plugins.notifications.hooks import NotificationsHooks
from hs_plugins.notifications.reading import open_notifications
from hs_plugins.notifications.role import NotificationsRole, start
from hs_plugins.notifications.section import SECTION
from hs_plugins.receipts.api import RECEIPT_CHANGES
from hs_plugins.rooms.api import EVENTS

plugin = Plugin(
    name="notifications",
    requires=["account_data", "push_rules", "receipts", "rooms"],
    config=NotificationsConfig,
    routes=[Route("GET", CLIENT_R0 + "/notifications", handlers.get_notifications, affinity=By.USER)],
    writes=[NOTIFICATIONS],
    reads=[EVENTS.name, RECEIPT_CHANGES.name],
    offers=[Offer(NOTIFICATIONS_READ, open_notifications)],
    sections=[SECTION],
    hooks=NotificationsHooks.make,
    start=start,
    tasks=[Task("forget old notifications", timedelta(hours=1), NotificationsRole.forget_old)],
    migrations=Migrations("hs_plugins.notifications"),
)
