"""The directory role: aliases of rooms, and the list of those that are published."""

from hs_core.plugin import Auth, By, Migrations, Offer, Plugin, Route
from hs_core.plugin.paths import CLIENT, ROOM
from hs_plugins.directory import handlers
from hs_plugins.directory.api import DIRECTORY, DIRECTORY_READ, PUBLISHED_ROOMS, PUBLISHING
from hs_plugins.directory.reading import open_directory
from hs_plugins.directory.role import start
from hs_plugins.rooms.api import EVENTS

ALIAS = CLIENT + "/directory/room/(?P<alias>[^/]+)"
LISTED = CLIENT + "/directory/list/room/(?P<room_id>[^/]+)"
PUBLIC_ROOMS = CLIENT + "/publicRooms"

plugin = Plugin(
    name="directory",
    requires=["rooms"],
    routes=[
        Route("GET", ALIAS, handlers.get_alias, Auth.NONE),
        Route("PUT", ALIAS, handlers.put_alias),
        Route("DELETE", ALIAS, handlers.delete_alias),
        Route("GET", ROOM + "/aliases", handlers.get_aliases, affinity=By.ROOM),
        Route("GET", LISTED, handlers.get_visibility, Auth.NONE, affinity=By.ROOM),
        Route("PUT", LISTED, handlers.put_visibility, affinity=By.ROOM),
        Route("GET", PUBLIC_ROOMS, handlers.get_public_rooms, Auth.OPTIONAL_TOKEN, guests=True),
        Route("POST", PUBLIC_ROOMS, handlers.post_public_rooms, guests=True),
    ],
    writes=[PUBLISHED_ROOMS],
    reads=[EVENTS.name, PUBLISHED_ROOMS.name],
    serves=[DIRECTORY, PUBLISHING],
    offers=[Offer(DIRECTORY_READ, open_directory)],
    start=start,
    migrations=Migrations("hs_plugins.directory"),
)
