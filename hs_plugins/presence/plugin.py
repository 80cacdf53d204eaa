"""The presence role: who is online."""

from __future__ import annotations

from datetime import timedelta

from hs_core.plugin import By, Migrations, Plugin, RateClass, Route, Scope, Task
from hs_core.plugin.paths import CLIENT
from hs_plugins.presence import handlers
from hs_plugins.presence.api import PRESENCE, PRESENCE_CHANGES
from hs_plugins.presence.config import PresenceConfig
from hs_plugins.presence.hooks import PresenceHooks
from hs_plugins.presence.role import save, start
from hs_plugins.presence.section import SECTION

STATUS = CLIENT + "/presence/(?P<user_id>[^/]+)/status"

plugin = Plugin(
    name="presence",
    requires=["login", "rooms"],
    config=PresenceConfig,
    routes=[
        Route("GET", STATUS, handlers.get_status, affinity=By.USER, guests=True),
        Route("PUT", STATUS, handlers.put_status, affinity=By.USER, rate=RateClass.MESSAGE, guests=True),
    ],
    writes=[PRESENCE_CHANGES],
    reads=["events", PRESENCE_CHANGES.name],
    serves=[PRESENCE],
    sections=[SECTION],
    hooks=PresenceHooks.make,
    start=start,
    tasks=[Task("save presence", timedelta(seconds=10), save, Scope.PER_PROCESS)],
    migrations=Migrations("hs_plugins.presence"),
)
