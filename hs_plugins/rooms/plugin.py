"""The rooms role: owner of the `events` stream."""

from hs_core.plugin import Migrations, Plugin
from hs_plugins.rooms.api import EVENTS, ROOMS
from hs_plugins.rooms.start import start

plugin = Plugin(
    name="rooms",
    writes=[EVENTS],
    serves=[ROOMS],
    migrations=Migrations("hs_plugins.rooms"),
    start=start,
)
