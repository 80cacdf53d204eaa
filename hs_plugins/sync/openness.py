"""In which states of a room members may see what happened before they came."""

from __future__ import annotations

from collections.abc import Collection

import orjson

from hs_core.matrix.history_visibility import HistoryVisibility
from hs_core.matrix.identifiers import EventId
from hs_plugins.rooms.api import RoomsRead, StateRoot

_KEY = ("m.room.history_visibility", "")
_OPEN = {HistoryVisibility.SHARED, HistoryVisibility.WORLD_READABLE}


async def open_states(roots: Collection[StateRoot], read: RoomsRead) -> set[StateRoot]:
    """Those of the states in which the history's visibility is `shared`, or more than that."""
    found: dict[StateRoot, EventId | None] = {}
    for root in roots:
        found[root] = (await read.states.lookup(root, (_KEY,))).get(_KEY) if root else None
    rows = await read.timelines.rows({event_id for event_id in found.values() if event_id is not None})
    is_open = {
        event_id: HistoryVisibility.from_content(orjson.loads(row.client_json)["content"]) in _OPEN
        for event_id, row in rows.items()
    }
    # "By default if no `history_visibility` is set [...] the visibility is assumed to be `shared`."
    return {root for root, event_id in found.items() if root and (event_id is None or is_open[event_id])}
