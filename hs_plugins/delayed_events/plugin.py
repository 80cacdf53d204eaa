"""The delayed events role: events that are sent later, unless somebody cancels them."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from hs_core.plugin import Auth, By, Migrations, Plugin, RateClass, Route, Task
from hs_plugins.delayed_events import handlers
from hs_plugins.delayed_events.api import DELAYED_EVENTS
from hs_plugins.delayed_events.config import DelayedEventsConfig
from hs_plugins.delayed_events.hooks import DelayedEventsHooks
from hs_plugins.delayed_events.role import DelayedEventsRole, start

UNSTABLE: Final = r"/_matrix/client/unstable/org\.matrix\.msc4140"
EVENTS: Final = UNSTABLE + "/delayed_events"
ONE: Final = EVENTS + "/(?P<delay_id>[^/]+)"
SCHEDULE: Final = UNSTABLE + "/rooms/(?P<room_id>[^/]+)/delayed_event/(?P<event_type>[^/]+)/(?P<txn_id>[^/]+)"

plugin = Plugin(
    name="delayed_events",
    requires=["client", "login", "rooms"],
    config=DelayedEventsConfig,
    routes=[
        Route("PUT", SCHEDULE, handlers.put_delayed_event, affinity=By.ROOM, rate=RateClass.MESSAGE, guests=True),
        Route("GET", EVENTS, handlers.get_delayed_events, affinity=By.USER, guests=True),
        Route("GET", ONE, handlers.get_delayed_event, affinity=By.USER, guests=True),
        Route("POST", ONE, handlers.post_action_in_body, Auth.NONE),
        Route("POST", ONE + "/(?P<action>[^/]+)", handlers.post_action, Auth.NONE),
    ],
    serves=[DELAYED_EVENTS],
    tasks=[
        Task("send what is due", timedelta(seconds=1), DelayedEventsRole.send_due),
        Task("forget finalised events", timedelta(hours=1), DelayedEventsRole.forget_finalised),
    ],
    hooks=DelayedEventsHooks.make,
    start=start,
    migrations=Migrations("hs_plugins.delayed_events"),
    unstable_features={"org.matrix.msc4140": True},
)
