"""What several endpoints look up in a room: an event that somebody may see, and state that helps to show events."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from hs_core.errors import Forbidden, NotFound
from hs_core.matrix.client_event import Unsigned, client_event
from hs_core.matrix.event import Event
from hs_core.matrix.filters import RoomEventFilter
from hs_core.matrix.identifiers import EventId, RoomId
from hs_plugins.rooms.api import Reader, RoomsRead, StateRoot, StoredEvent


async def visible_event(read: RoomsRead, reader: Reader, room_id: RoomId, event_id: EventId) -> StoredEvent:
    """An event of the room that the reader may see.

    Raises NotFound: "The event was not found or you do not have permission to read this event."
    """
    try:
        await read.views.of(reader.user_id, room_id)
    except Forbidden:
        raise NotFound("There is no such event, or you may not see it") from None
    stored = (await read.timelines.events([event_id])).get(event_id)
    known = stored is not None and stored.event.room_id == room_id and not stored.soft_failed and not stored.rejected
    if stored is None or not known or not (await read.timelines.visible(reader.user_id, [stored]))[0]:
        raise NotFound("There is no such event, or you may not see it")
    return stored


async def whole_state(read: RoomsRead, root: StateRoot) -> list[Event]:
    """All events of a state."""
    return await _events(read, (await read.states.ids(root)).values())


async def members_in(read: RoomsRead, root: StateRoot) -> list[Event]:
    """All member events of a state."""
    ids = await read.states.ids(root)
    return await _events(read, [event_id for key, event_id in ids.items() if key[0] == "m.room.member"])


async def members_of(read: RoomsRead, root: StateRoot, events: Iterable[StoredEvent]) -> list[Event]:
    """The member events of the senders of some events ("Lazy-loading room members")."""
    senders = dict.fromkeys(stored.event.sender for stored in events)
    found = await read.states.lookup(root, [("m.room.member", sender) for sender in senders])
    return await _events(read, found.values())


async def state_for(
    read: RoomsRead, root: StateRoot, events: Sequence[StoredEvent], wanted: RoomEventFilter
) -> list[Event]:
    """The part of a state that a filter wants to have along with some events."""
    ids = await read.states.ids(root)
    if wanted.lazy_load_members:
        senders = {stored.event.sender for stored in events}
        ids = {key: one for key, one in ids.items() if key[0] != "m.room.member" or key[1] in senders}
    state = await _events(read, ids.values())
    return [event for event in state if wanted.allows_event(event.type, event.sender, event.content)]


def plainly(events: Iterable[Event], now_ms: int) -> list[dict[str, Any]]:
    """State as clients get it: without what would have to be looked up for each event."""
    return [client_event(event, Unsigned(age=now_ms - event.origin_server_ts)) for event in events]


async def _events(read: RoomsRead, event_ids: Collection[EventId]) -> list[Event]:
    loaded = await read.timelines.events(event_ids)
    return [loaded[event_id].event for event_id in event_ids if event_id in loaded]
