"""What is new: `/sync`, and filters."""

from hs_core.plugin import By, Migrations, Plugin, RateClass, Route
from hs_core.plugin.declaration import Handler
from hs_core.plugin.paths import CLIENT, CLIENT_R0, ROOM, USER
from hs_plugins.sync.config import SyncConfig
from hs_plugins.sync.handlers import filters, old, sync
from hs_plugins.sync.service import Syncing


def _old(path: str, handler: Handler, *, guests: bool = True) -> Route:
    return Route("GET", path, handler, affinity=By.USER, rate=RateClass.SYNC, guests=guests)


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
            tag="initial_sync",
            tag_without="since",
        ),
        _old(CLIENT + "/events", old.get_events),
        _old(CLIENT + "/events/(?P<event_id>[^/]+)", old.get_event),
        _old(CLIENT + "/initialSync", old.get_initial_sync, guests=False),
        _old(ROOM + "/initialSync", old.get_room_initial_sync),
        Route("POST", USER + "/filter", filters.post_filter, affinity=By.USER, guests=True),
        Route("GET", USER + "/filter/(?P<filter_id>[^/]+)", filters.get_filter, affinity=By.USER, guests=True),
    ],
)
