"""What is new: `/sync`, and filters."""

from hs_core.plugin import By, Migrations, Plugin, RateClass, Route
from hs_core.plugin.paths import CLIENT_R0, USER
from hs_plugins.sync.handlers import filters, sync
from hs_plugins.sync.service import Syncing

plugin = Plugin(
    name="sync",
    requires=["rooms"],
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
        Route("POST", USER + "/filter", filters.post_filter, affinity=By.USER, guests=True),
        Route("GET", USER + "/filter/(?P<filter_id>[^/]+)", filters.get_filter, affinity=By.USER, guests=True),
    ],
)
