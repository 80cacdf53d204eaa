"""What every process may read about rooms: the read sides that `api.py` promises."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hs_core.core import Core
from hs_core.streams.batch import Batch
from hs_plugins.rooms.api import EVENTS
from hs_plugins.rooms.event_cache import EventCache
from hs_plugins.rooms.reading.bundles import Bundles
from hs_plugins.rooms.reading.history import StoredHistory
from hs_plugins.rooms.reading.members import StoredMembers
from hs_plugins.rooms.reading.pages import Pages
from hs_plugins.rooms.reading.row_cache import RowCache
from hs_plugins.rooms.reading.showing import StoredShowing
from hs_plugins.rooms.reading.states import StoredStates
from hs_plugins.rooms.reading.summaries import StoredSummaries
from hs_plugins.rooms.reading.timelines import StoredTimelines
from hs_plugins.rooms.reading.unsigned import Annotating
from hs_plugins.rooms.reading.views import StoredViews
from hs_plugins.rooms.reading.visibility import Visibility
from hs_plugins.rooms.rows import EventRow
from hs_plugins.rooms.state_nodes import StateNodes

REMEMBERED_EVENTS = 8_000


@dataclass(frozen=True)
class Reading:
    """`RoomsRead` of one process."""

    members: StoredMembers
    states: StoredStates
    timelines: StoredTimelines
    views: StoredViews
    showing: StoredShowing
    summaries: StoredSummaries
    history: StoredHistory


@asynccontextmanager
async def open_reading(core: Core) -> AsyncIterator[Reading]:
    """Read sides that share their caches, and forget what redactions change."""
    follower = core.follower(EVENTS)
    events = EventCache(core.db, REMEMBERED_EVENTS, follower.awake)
    rows, nodes = RowCache(core.db, follower.awake), StateNodes(core.db)
    core.caches.update({"events": events.cache, "event_rows": rows.cache, "state_nodes": nodes.cache})
    members = StoredMembers(core.db)
    pages = Pages(core.db, events)
    visibility = Visibility(core.db, nodes, events, members)

    def forget_redacted(batch: Batch[EventRow]) -> None:
        for _, row in batch.rows:
            events.forget([row.event_id])  # it may have been known as part of a state, without a position
            if row.redacts is not None:
                events.forget([row.redacts])
                rows.forget(row.redacts)

    follower.subscribe(forget_redacted)
    states = StoredStates(core.db, nodes, events)
    core.caches["states"] = states.cache
    yield Reading(
        members=members,
        states=states,
        timelines=StoredTimelines(core.db, events, rows, pages, visibility),
        views=StoredViews(core.db, states, pages),
        showing=StoredShowing(Bundles(core.db, events, visibility), Annotating(events, nodes, visibility, core.clock)),
        summaries=StoredSummaries(states, events),
        history=StoredHistory(core.db, nodes, events),
    )
