"""What is new: `/sync`, and filters."""

from hs_core.plugin import By, Migrations, Plugin, RateClass, Route
from hs_core.plugin.declaration import Handler
from hs_core.plugin.paths import CLIENT, CLIENT_R0, ROOM, USER
from hs_plugins.sync.config import SyncConfig
from hs_plugins.sync.handlers import filters, old, sync
from hs_plugins.sync.service import Syncing

INITIAL = "initial_sync"
"""What begins anew costs most: its requests can be kept from all others."""


def _old(path: str, handler: Handler, *, guests: bool = True, tag: str | None = None) -> Route:
    return Route("GET", path, handler, affinity=By.USER, rate=RateClass.SYNC, guests=guests, tag=tag)


plugin = Plugin(
    name="sync",
    requires=["rooms", "directory"],
    config=SyncConfig,
    reads=["events"],
    shows_sections=True,
    start=Syncing.start,
    migrations=Migrations("hs_plugins.sync"),
    routes=[
        Route(
            "GET",
            CLIENT_R0 + "/sync",
            sync.get_sync,
            affinity=By.USER,
            rate=RateClass.SYNC,
            guests=True,
            tag=INITIAL,
            tag_without="since",
        ),
        _old(CLIENT + "/events", old.get_events),
        _old(CLIENT + "/events/(?P<event_id>[^/]+)", old.get_event),
        _old(CLIENT + "/initialSync", old.get_initial_sync, guests=False, tag=INITIAL),
        _old(ROOM + "/initialSync", old.get_room_initial_sync, tag=INITIAL),
        Route("POST", USER + "/filter", filters.post_filter, affinity=By.USER, guests=True),
        Route("GET", USER + "/filter/(?P<filter_id>[^/]+)", filters.get_filter, affinity=By.USER, guests=True),
    ],
)
