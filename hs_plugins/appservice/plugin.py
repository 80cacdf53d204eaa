"""The application service role: bridges and bots have a part of the server to themselves, and are told what happens."""

from __future__ import annotations

from datetime import timedelta

from hs_core.plugin import Auth, By, Migrations, Offer, Plugin, Route, Scope, Task
from hs_core.plugin.paths import CLIENT_R0, CLIENT_V1
from hs_plugins.appservice import handlers
from hs_plugins.appservice.api import APPSERVICES
from hs_plugins.appservice.hooks import AppserviceHooks
from hs_plugins.appservice.reading import REGISTRATIONS, open_registrations
from hs_plugins.appservice.role import AppserviceRole, start
from hs_plugins.login.api import ACCOUNT_CHANGES
from hs_plugins.presence.api import PRESENCE_CHANGES
from hs_plugins.receipts.api import RECEIPT_CHANGES
from hs_plugins.rooms.api import EVENTS
from hs_plugins.typing.api import TYPING_CHANGES

THIRD_PARTY = CLIENT_R0 + "/thirdparty"
LISTED = CLIENT_R0 + "/directory/list/appservice/(?P<network_id>[^/]+)/(?P<room_id>[^/]+)"
PING = CLIENT_V1 + "/appservice/(?P<appservice_id>[^/]+)/ping"

# What there is to follow, is followed only where there are application services.
_FOLLOWED = [each.name for each in (ACCOUNT_CHANGES, EVENTS, TYPING_CHANGES, PRESENCE_CHANGES, RECEIPT_CHANGES)]

plugin = Plugin(
    name="appservice",
    requires=["directory", "login", "rooms"],
    routes=[
        Route("POST", PING, handlers.post_ping, Auth.APPSERVICE),
        Route("PUT", LISTED, handlers.put_visibility, Auth.APPSERVICE, affinity=By.ROOM),
        Route("DELETE", LISTED, handlers.delete_visibility, Auth.APPSERVICE, affinity=By.ROOM),
        Route("GET", THIRD_PARTY + "/protocols", handlers.get_protocols),
        Route("GET", THIRD_PARTY + "/protocol/(?P<protocol>[^/]+)", handlers.get_protocol),
        Route("GET", THIRD_PARTY + "/user/(?P<protocol>[^/]+)", handlers.get_users),
        Route("GET", THIRD_PARTY + "/location/(?P<protocol>[^/]+)", handlers.get_locations),
        Route("GET", THIRD_PARTY + "/user", handlers.get_user),
        Route("GET", THIRD_PARTY + "/location", handlers.get_location),
    ],
    serves=[APPSERVICES],
    offers=[Offer(REGISTRATIONS, open_registrations, reads=_FOLLOWED, when_used=True)],
    hooks=AppserviceHooks.of,
    start=start,
    tasks=[
        Task("share out application services", timedelta(milliseconds=250), AppserviceRole.take_share, Scope.SHARDED)
    ],
    migrations=Migrations("hs_plugins.appservice"),
    outbound=True,
)
