"""What every process may read about rooms: the read sides that `api.py` promises."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hs_core.core import Core
from hs_core.streams.batch import Batch
from hs_plugins.rooms.api import EVENTS
from hs_plugins.rooms.event_cache import EventCache
from hs_plugins.rooms.reading.members import StoredMembers
from hs_plugins.rooms.reading.row_cache import RowCache
from hs_plugins.rooms.reading.states import StoredStates
from hs_plugins.rooms.reading.timelines import StoredTimelines
from hs_plugins.rooms.reading.visibility import Visibility
from hs_plugins.rooms.rows import EventRow
from hs_plugins.rooms.state_nodes import StateNodes


@dataclass(frozen=True)
class Reading:
    """`RoomsRead` of one process."""

    members: StoredMembers
    states: StoredStates
    timelines: StoredTimelines


@asynccontextmanager
async def open_reading(core: Core) -> AsyncIterator[Reading]:
    """Read sides that share their caches, and forget what redactions change."""
    events, rows, nodes = EventCache(core.db), RowCache(core.db), StateNodes(core.db)
    members = StoredMembers(core.db)
    visibility = Visibility(core.db, nodes, events, members)

    def forget_redacted(batch: Batch[EventRow]) -> None:
        for _, row in batch.rows:
            if row.redacts is not None:
                events.forget([row.redacts])
                rows.forget(row.redacts)

    core.follower(EVENTS).subscribe(forget_redacted)
    yield Reading(members, StoredStates(core.db, nodes, events), StoredTimelines(core.db, events, rows, visibility))
