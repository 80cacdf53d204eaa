"""Events as application services get them: "formatted as per the Client-Server API"."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from hs_core.matrix.client_event import stripped_state
from hs_core.matrix.stripped_state import stripped_state_ids
from hs_plugins.rooms.api import EventRow, RoomsRead


def as_event(row: EventRow, now: int, invite_room_state: bytes | None = None) -> bytes:
    """A `ClientEvent`. What of it is stored as JSON stays as it is, to the byte."""
    unsigned = [b'"age":%d' % (now - row.origin_server_ts)]
    if row.replaces is not None:
        unsigned.append(b'"replaces_state":' + orjson.dumps(row.replaces))
    if row.prev_content is not None:
        unsigned.append(b'"prev_content":' + row.prev_content)
    if invite_room_state is not None:
        unsigned.append(b'"invite_room_state":' + invite_room_state)
    room_id = orjson.dumps(row.room_id)
    return b'{"room_id":' + room_id + b',"unsigned":{' + b",".join(unsigned) + b"}," + row.client_json[1:]


def as_body(events: Sequence[bytes], ephemeral: Sequence[bytes]) -> bytes:
    """The body of a transaction."""
    also = b',"ephemeral":[' + b",".join(ephemeral) + b"]" if ephemeral else b""
    return b'{"events":[' + b",".join(events) + b"]" + also + b"}"


async def invite_room_state(read: RoomsRead, row: EventRow) -> bytes:
    """What somebody who is invited may know of the room ("Stripped state")."""
    ids = stripped_state_ids(await read.states.besides_members(row.room_state))
    events = await read.timelines.events(ids)
    return orjson.dumps([stripped_state(events[event_id].event) for event_id in ids if event_id in events])
