"""How the role comes to life in a process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hs_core.core import Core
from hs_plugins.rooms.actor import Engine
from hs_plugins.rooms.actors import Actors
from hs_plugins.rooms.api import EVENTS
from hs_plugins.rooms.arrivals import Arrivals
from hs_plugins.rooms.commit import Committer
from hs_plugins.rooms.event_cache import EventCache
from hs_plugins.rooms.joining import Joining
from hs_plugins.rooms.purging import Purger
from hs_plugins.rooms.resolution import Resolver
from hs_plugins.rooms.service import RoomsService
from hs_plugins.rooms.state_nodes import StateNodes
from hs_plugins.rooms.transactions import SentTransactions

OWN_EVENTS = 4_000
"""Events that the owner of rooms remembers, besides those that each room's view holds."""


@asynccontextmanager
async def start(core: Core) -> AsyncIterator[RoomsService]:
    """Own rooms for as long as the context lasts; at its end everything that was begun is committed."""
    writer = core.writer(EVENTS)
    committer = Committer(writer, core.clock)
    nodes, events = StateNodes(core.db), EventCache(core.db, OWN_EVENTS)
    core.caches.update({"owned_events": events.cache, "owned_state_nodes": nodes.cache})
    engine = Engine(
        server_name=core.server_name,
        signing_key=core.signing_key,
        clock=core.clock,
        nodes=nodes,
        events=events,
        committer=committer,
        resolver=Resolver(core.db, committer),
        transactions=SentTransactions(core.db),
        hooks=core.hooks,
    )
    actors = Actors(core.db, engine, writer)
    committer.on_failure = actors.lose
    writer.on_release(actors.hand_over)
    arrivals = Arrivals(actors, core.db)
    async with asyncio.TaskGroup() as group:
        committing = group.create_task(committer.run(), name="commit events")
        try:
            purger = Purger(actors, writer, core.db, core.clock, core.hooks)
            yield RoomsService(actors, arrivals, Joining(core.db), purger, core.db)
        finally:
            await committer.flushed()
            committing.cancel()
