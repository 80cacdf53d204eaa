"""The rooms role: owner of the `events` stream."""

from datetime import timedelta

from hs_core.plugin import Migrations, Offer, Plugin, Scope, Task
from hs_plugins.rooms.api import EVENTS, ROOMS, ROOMS_READ
from hs_plugins.rooms.purging import purge_in_turn
from hs_plugins.rooms.reading import open_reading
from hs_plugins.rooms.start import start

plugin = Plugin(
    name="rooms",
    writes=[EVENTS],
    serves=[ROOMS],
    offers=[Offer(ROOMS_READ, open_reading, reads=[EVENTS.name], when_used=True)],
    migrations=Migrations("hs_plugins.rooms"),
    start=start,
    tasks=[Task("purge history", timedelta(seconds=2), purge_in_turn, scope=Scope.PER_PROCESS)],
)
