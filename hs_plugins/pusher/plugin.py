"""The pusher role: tell push gateways what users are to be notified of."""

from __future__ import annotations

from hs_core.plugin import By, Feed, Migrations, Plugin, RateClass, Route
from hs_core.plugin.paths import CLIENT_R0
from hs_plugins.login.api import ACCOUNT_CHANGES
from hs_plugins.notifications.api import NOTIFICATIONS
from hs_plugins.pusher import handlers
from hs_plugins.pusher.api import PUSHER_CHANGES, PUSHERS
from hs_plugins.pusher.config import PusherConfig
from hs_plugins.pusher.hooks import PusherHooks
from hs_plugins.pusher.service import PusherRole, start

plugin = Plugin(
    name="pusher",
    requires=["login", "notifications", "rooms"],
    config=PusherConfig,
    routes=[
        Route("GET", CLIENT_R0 + "/pushers", handlers.get_pushers, affinity=By.USER),
        Route("POST", CLIENT_R0 + "/pushers/set", handlers.post_set, affinity=By.USER, rate=RateClass.MESSAGE),
    ],
    writes=[PUSHER_CHANGES],
    reads=[NOTIFICATIONS.name, PUSHER_CHANGES.name],
    serves=[PUSHERS],
    hooks=PusherHooks.make,
    start=start,
    feeds=[Feed("forget who has logged out", ACCOUNT_CHANGES.name, PusherRole.forget_logged_out)],
    migrations=Migrations("hs_plugins.pusher"),
    outbound=True,
)
