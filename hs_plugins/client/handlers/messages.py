"""Read a room's timeline: page through it, look around an event, find one by time (client-server API, "Events")."""

from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from hs_core.errors import NotFound
from hs_core.http.request import Request
from hs_core.http.responses import json_response
from hs_core.matrix.event import Event
from hs_core.matrix.filters import RoomEventFilter
from hs_plugins.client.looking import members_of, plainly, state_for, visible_event
from hs_plugins.client.paging import (
    BEGINNING,
    END,
    MAX_LIMIT,
    Found,
    Stretch,
    after,
    direction,
    find,
    look,
    place_from_query,
    room_event_filter,
)
from hs_plugins.client.role import ClientApi
from hs_plugins.rooms.api import Reader, View, place_to_token

MAX_TRIED = 20
"""Events around a time that are tried to find one that the user may see."""


async def get_messages(client: ClientApi, request: Request) -> Response:
    """`GET /rooms/{roomId}/messages`."""
    room_id, read = request.room_id("room_id"), client.read
    reader, backwards, wanted = await client.reader(request.asker), direction(request), room_event_filter(request)
    limit = request.query_int("limit", 0, MAX_LIMIT, wanted.page_size(10, MAX_LIMIT))
    start = await place_from_query(request, "from", room_id, read)
    stop = await place_from_query(request, "to", room_id, read)
    stretch = Stretch(start or (END if backwards else BEGINNING), stop, backwards, limit)
    view, page = await look(read, reader, room_id, stretch)
    found = Found([], None)
    if wanted.allows_room(room_id) and not wanted.blocks_everything:
        found = await find(read, view, reader, stretch.within(view), _passes(wanted), first=page)
    if start is None:
        # "If it is not provided, the homeserver shall return [...] from the first or last [...] visible event".
        start = after(found.events[0], not backwards) if found.events else (view.until or BEGINNING)
    answer: dict[str, Any] = {
        "chunk": await read.showing.events(reader, found.events, parents=found.parents),
        "start": place_to_token(start),
    }
    end = found.end
    if end is None and found.events and not backwards:
        end = after(found.events[-1], backwards)  # more may happen, and the client can come back for it
    if end is not None:
        answer["end"] = place_to_token(end)
    if wanted.lazy_load_members and found.events:
        state = await members_of(client.read, found.events[0].state_after or view.state, found.events)
        answer["state"] = plainly(state, client.clock.now_ms())
    return json_response(answer)


async def get_context(client: ClientApi, request: Request) -> Response:
    """`GET /rooms/{roomId}/context/{eventId}`: "events that happened just before and after the specified event"."""
    room_id, reader, wanted = request.room_id("room_id"), await client.reader(request.asker), room_event_filter(request)
    limit = request.query_int("limit", 0, MAX_LIMIT, wanted.page_size(10, MAX_LIMIT))
    view = await client.read.views.of(reader.user_id, room_id)
    stored = await visible_event(client.read, reader, room_id, request.event_id("event_id"))
    around = Stretch(after(stored, backwards=True), None, True, limit // 2)
    before = await _around(client, view, reader, around, wanted)
    around = Stretch(after(stored, backwards=False), None, False, limit - limit // 2)
    follow = await _around(client, view, reader, around, wanted)
    events = [stored, *before.events, *follow.events]
    shown = await client.read.showing.events(reader, events)
    # "The state of the room at the last event returned."
    last = follow.events[-1] if follow.events else stored
    state = await state_for(client.read, last.state_after or view.state, events, wanted)
    earliest = before.events[-1] if before.events else stored
    return json_response(
        {
            "event": shown[0],
            "events_before": shown[1 : len(before.events) + 1],
            "events_after": shown[len(before.events) + 1 :],
            "start": place_to_token(before.end or after(earliest, backwards=True)),
            "end": place_to_token(follow.end or after(last, backwards=False)),
            "state": plainly(state, client.clock.now_ms()),
        }
    )


async def get_timestamp_to_event(client: ClientApi, request: Request) -> Response:
    """`GET /rooms/{roomId}/timestamp_to_event`: "the event closest to the given timestamp"."""
    room_id, reader, backwards = request.room_id("room_id"), await client.reader(request.asker), direction(request, "f")
    request.query_required("ts")
    timestamp = request.query_int("ts", -(2**53), 2**53, 0)
    await client.read.views.of(reader.user_id, room_id)
    for _ in range(MAX_TRIED):
        stored = await client.read.timelines.closest(room_id, timestamp, backwards=backwards)
        if stored is None:
            break
        event = stored.event
        if (await client.read.timelines.visible(reader.user_id, [stored]))[0]:
            return json_response({"event_id": event.event_id, "origin_server_ts": event.origin_server_ts})
        timestamp = event.origin_server_ts + (-1 if backwards else 1)
    raise NotFound(f"There is no event {'before' if backwards else 'after'} that time")


def _passes(wanted: RoomEventFilter) -> Callable[[Event], bool]:
    def passes(event: Event) -> bool:
        return wanted.allows_event(event.type, event.sender, event.content)

    return passes


async def _around(client: ClientApi, view: View, reader: Reader, stretch: Stretch, wanted: RoomEventFilter) -> Found:
    if not stretch.limit or not wanted.allows_room(view.room.room_id):
        return Found([], stretch.start)
    return await find(client.read, view, reader, stretch.within(view), _passes(wanted))
