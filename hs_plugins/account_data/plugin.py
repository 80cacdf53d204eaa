"""The account data role: what users' clients keep on the server."""

from __future__ import annotations

from hs_core.plugin import By, Migrations, Offer, Plugin, RateClass, Route
from hs_core.plugin.declaration import Handler
from hs_core.plugin.paths import USER
from hs_plugins.account_data import handlers
from hs_plugins.account_data.api import ACCOUNT_DATA, ACCOUNT_DATA_CHANGES, ACCOUNT_DATA_READ
from hs_plugins.account_data.hooks import AccountDataHooks
from hs_plugins.account_data.reading import open_account_data
from hs_plugins.account_data.section import SECTION
from hs_plugins.account_data.service import start

IN_ROOM = USER + "/rooms/(?P<room_id>[^/]+)"
TYPE = "/account_data/(?P<type>[^/]+)"
TAG = IN_ROOM + "/tags/(?P<tag>[^/]+)"


def _write(method: str, path: str, handler: Handler) -> Route:
    return Route(method, path, handler, affinity=By.USER, rate=RateClass.MESSAGE)


plugin = Plugin(
    name="account_data",
    requires=["rooms"],
    routes=[
        Route("GET", USER + TYPE, handlers.get_global, affinity=By.USER),
        _write("PUT", USER + TYPE, handlers.put_global),
        Route("GET", IN_ROOM + TYPE, handlers.get_room, affinity=By.USER),
        _write("PUT", IN_ROOM + TYPE, handlers.put_room),
        Route("GET", IN_ROOM + "/tags", handlers.get_tags, affinity=By.USER),
        _write("PUT", TAG, handlers.put_tag),
        _write("DELETE", TAG, handlers.delete_tag),
    ],
    reads=["events"],
    writes=[ACCOUNT_DATA_CHANGES],
    serves=[ACCOUNT_DATA],
    offers=[Offer(ACCOUNT_DATA_READ, open_account_data, reads=[ACCOUNT_DATA_CHANGES.name])],
    sections=[SECTION],
    hooks=AccountDataHooks.make,
    start=start,
    migrations=Migrations("hs_plugins.account_data"),
)
