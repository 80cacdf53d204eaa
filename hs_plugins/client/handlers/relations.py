"""Events that relate to others, and threads (client-server API, "Forming relationships", "Threading")."""

from typing import Any

from starlette.responses import Response

from hs_core.errors import InvalidParam
from hs_core.http.request import Request
from hs_core.http.responses import json_response
from hs_plugins.client.looking import visible_event
from hs_plugins.client.paging import BEGINNING, END, Stretch, direction, place_from_query
from hs_plugins.client.relating import MAX_DEPTH, children, descendants, readable, thread_roots
from hs_plugins.client.role import ClientApi
from hs_plugins.rooms.api import Place, place_to_token

DEFAULT_LIMIT = 20
MAX_LIMIT = 200


async def get_relations(client: ClientApi, request: Request) -> Response:
    """`GET /rooms/{roomId}/relations/{eventId}`, perhaps of one `relType`, perhaps of one `eventType`."""
    room_id, reader = request.room_id("room_id"), await client.reader(request.asker)
    parent, recurse = request.event_id("event_id"), request.query_flag("recurse")
    backwards = direction(request, "b")
    limit = request.query_int("limit", 1, MAX_LIMIT, DEFAULT_LIMIT)
    await visible_event(client.read, reader, room_id, parent)
    view = await client.read.views.of(reader.user_id, room_id)
    start = await place_from_query(request, "from", room_id, client.read)
    stop = await place_from_query(request, "to", room_id, client.read)
    stretch = Stretch(start or (END if backwards else BEGINNING), stop, backwards, limit).within(view)
    kinds = request.params.get("rel_type"), request.params.get("event_type")
    if recurse:
        related = await descendants(client.read, parent, stretch, kinds)
    else:
        related = await children(client.read, room_id, parent, stretch, kinds)
    found = await readable(client.read, room_id, reader, related, stretch)
    answer: dict[str, Any] = {"chunk": await client.read.showing.events(reader, found.events)}
    if found.end is not None:
        answer["next_batch"] = place_to_token(found.end)
    if start is not None:
        answer["prev_batch"] = place_to_token(start)
    if "recurse" in request.query:
        answer["recursion_depth"] = MAX_DEPTH if recurse else 1
    return json_response(answer)


async def get_threads(client: ClientApi, request: Request) -> Response:
    """`GET /rooms/{roomId}/threads`: "the thread roots in a given room", the one with the latest event first."""
    room_id, reader = request.room_id("room_id"), await client.reader(request.asker)
    include = request.query_text("include", "all")
    if include not in {"all", "participated"}:
        raise InvalidParam("`include` must be all or participated")
    limit = request.query_int("limit", 1, MAX_LIMIT, DEFAULT_LIMIT)
    view = await client.read.views.of(reader.user_id, room_id)
    place = await place_from_query(request, "from", room_id, client.read) or END
    if view.until is not None:
        place = min(place, view.until)
    participant = reader.user_id if include == "participated" else None
    threads = await client.read.timelines.threads(room_id, place, limit + 1, participant=participant)
    roots = await thread_roots(client.read, room_id, reader, threads[:limit])
    answer: dict[str, Any] = {"chunk": await client.read.showing.events(reader, roots)}
    if len(threads) > limit:
        last = threads[limit - 1].place
        answer["next_batch"] = place_to_token(Place(last.depth, last.position - 1))
    return json_response(answer)
