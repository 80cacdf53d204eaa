"""Rooms that the user is invited to, or knocks on: what strangers may know of them ("Stripped state")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from hs_core.matrix.canonical_json import encode_json
from hs_core.matrix.identifiers import EventId, RoomId
from hs_core.matrix.stripped_state import STRIPPED_STATE_KEYS
from hs_plugins.rooms.api import EventRow, Membership, RoomsRead, StateRoot
from hs_plugins.sync.rendering import Renderer


async def strip(memberships: Sequence[Membership], read: RoomsRead, renderer: Renderer) -> dict[RoomId, Any]:
    """The stripped state of each room, the user's own member event last."""
    if not memberships:
        return {}
    own = await read.timelines.rows([one.event_id for one in memberships])
    memberships = [one for one in memberships if one.event_id in own]
    ids = {one.room_id: await _state(own[one.event_id].state_after, read) for one in memberships}
    rows = await read.timelines.rows([event_id for each in ids.values() for event_id in each])
    stripped: dict[RoomId, Any] = {}
    for one in memberships:
        events: list[orjson.Fragment] = [_stripped(rows[event_id]) for event_id in ids[one.room_id] if event_id in rows]
        # The whole event, as clients take the time and the reason of an invitation from it.
        stripped[one.room_id] = {"events": [*events, renderer.state(own[one.event_id])]}
    return stripped


async def _state(root: StateRoot, read: RoomsRead) -> list[EventId]:
    """As of the invitation, or the knock: what happened later is for members."""
    found = await read.states.lookup(root, STRIPPED_STATE_KEYS) if root else {}
    return list(found.values())


def _stripped(row: EventRow) -> orjson.Fragment:
    event = orjson.loads(row.client_json)
    return orjson.Fragment(encode_json({key: event[key] for key in ("type", "sender", "state_key", "content")}))
