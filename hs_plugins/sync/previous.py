"""Whether a reader may see what a state event replaced (`prev_content`)."""

from __future__ import annotations

from collections.abc import Sequence

from hs_core.matrix.identifiers import EventId, UserId
from hs_plugins.rooms.api import EventRow, RoomsRead
from hs_plugins.sync.openness import open_states
from hs_plugins.sync.timeline import Timeline


async def with_visible_previous(user_id: UserId, timelines: Sequence[Timeline], read: RoomsRead) -> set[EventId]:
    """The events whose predecessors the user may see.

    "Only returned if the event is a state event, and the client has permission to see the previous event."
    """
    visible: set[EventId] = set()
    for timeline in timelines:
        rows = [shown.row for shown in timeline.events if shown.row.replaces is not None]
        if rows:
            visible |= await _in_room(user_id, rows, timeline.span.end, read)
    return visible


async def _in_room(user_id: UserId, rows: Sequence[EventRow], state: bytes, read: RoomsRead) -> set[EventId]:
    if await open_states([state], read):
        return {row.event_id for row in rows}
    replaced = await read.timelines.events([row.replaces for row in rows if row.replaces is not None])
    known = [(row.event_id, replaced[row.replaces]) for row in rows if row.replaces in replaced]
    allowed = await read.timelines.visible(user_id, [stored for _, stored in known])
    return {event_id for (event_id, _), may in zip(known, allowed, strict=True) if may}
