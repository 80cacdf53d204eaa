"""What runs where the plugin is active."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hs_core.cluster.calls import Services
from hs_core.core import Core
from hs_plugins.directory.api import DIRECTORY_READ, PUBLISHED_ROOMS, PUBLISHING, Publishing
from hs_plugins.directory.listing import Listing
from hs_plugins.directory.service import DirectoryService
from hs_plugins.rooms.api import EVENTS, ROOMS, ROOMS_READ


@dataclass(frozen=True)
class DirectoryRole(DirectoryService):
    """Implements the plugin's services, and is what the handlers are given."""

    services: Services
    public_without_auth: bool

    @property
    def publishing(self) -> Publishing:
        """To the process that owns the room."""
        return self.services[PUBLISHING]


@asynccontextmanager
async def start(core: Core) -> AsyncIterator[DirectoryRole]:
    """Know the lists, and change them."""
    read = core.read_sides[ROOMS_READ]
    listing = Listing(core.db, read)
    core.follower(EVENTS).subscribe(listing.hear_of_events)
    core.follower(PUBLISHED_ROOMS).subscribe(listing.hear_of_rooms)
    await listing.begin()
    yield DirectoryRole(
        server_name=core.server_name,
        db=core.db,
        clock=core.clock,
        hooks=core.hooks,
        rooms=core.services[ROOMS],
        rooms_read=read,
        aliases=core.read_sides[DIRECTORY_READ],
        listing=listing,
        writer=core.writer(PUBLISHED_ROOMS),
        follower=core.follower(PUBLISHED_ROOMS),
        services=core.services,
        public_without_auth=core.config.directory.public_without_auth,
    )
