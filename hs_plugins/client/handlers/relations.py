"""Events that relate to others, and threads (client-server API, "Forming relationships", "Threading")."""

from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from hs_core.errors import InvalidParam
from hs_core.http.request import Request
from hs_core.http.responses import json_response
from hs_core.matrix.identifiers import EventId, RoomId
from hs_core.matrix.relations import is_valid_thread_root
from hs_plugins.client.looking import visible_event
from hs_plugins.client.paging import BEGINNING, END, MAX_EXAMINED, Stretch, direction, place_from_query
from hs_plugins.client.role import ClientApi
from hs_plugins.rooms.api import Bounds, Place, Reader, Relation, StoredEvent, Thread, place_to_token

DEFAULT_LIMIT = 20
MAX_LIMIT = 200

MAX_DEPTH = 3
""" "Homeservers SHOULD traverse at least 3 levels of relationships." """

MAX_DESCENDANTS = 5000
"""Indirect relations of one event that are looked at."""


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
        everything = await _descendants(client, room_id, parent)
        found, end = await _readable(client, reader, _cut(everything, stretch, kinds), limit)
    else:
        children = await client.read.timelines.children(
            room_id, parent, _bounds(stretch), rel_type=kinds[0], event_type=kinds[1]
        )
        found, end = await _readable(client, reader, children, limit)
    answer: dict[str, Any] = {"chunk": await client.read.showing.events(reader, found)}
    if end is not None:
        answer["next_batch"] = place_to_token(_beyond(end, backwards))
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
    roots = await _roots(client, reader, room_id, threads[:limit])
    answer: dict[str, Any] = {"chunk": await client.read.showing.events(reader, roots)}
    if len(threads) > limit:
        last = threads[limit - 1].place
        answer["next_batch"] = place_to_token(Place(last.depth, last.position - 1))
    return json_response(answer)


async def _roots(client: ClientApi, reader: Reader, room_id: RoomId, threads: Sequence[Thread]) -> list[StoredEvent]:
    """The roots that the reader may see."""
    loaded = await client.read.timelines.events([thread.root for thread in threads])
    roots = [
        loaded[thread.root]
        for thread in threads
        if thread.root in loaded and loaded[thread.root].event.room_id == room_id
    ]
    visible = await client.read.timelines.visible(reader.user_id, roots)
    return [root for root, may in zip(roots, visible, strict=True) if may and is_valid_thread_root(root.event)]


def _bounds(stretch: Stretch) -> Bounds:
    stop = stretch.stop or (BEGINNING if stretch.backwards else END)
    return Bounds(stretch.start, stop, stretch.backwards, MAX_EXAMINED)


async def _readable(
    client: ClientApi, reader: Reader, relations: Sequence[Relation], limit: int
) -> tuple[list[StoredEvent], Relation | None]:
    """The first of the events that the reader may see, and the last of those looked at if there may be more."""
    found: list[StoredEvent] = []
    for begin in range(0, len(relations), limit):
        some = relations[begin : begin + limit]
        loaded = await client.read.timelines.events([one.event_id for one in some])
        candidates = [(one, loaded[one.event_id]) for one in some if one.event_id in loaded]
        visible = await client.read.timelines.visible(reader.user_id, [stored for _, stored in candidates])
        for (relation, stored), may_see in zip(candidates, visible, strict=True):
            if may_see and stored.event.sender not in reader.ignored:
                found.append(stored)
            if len(found) == limit:
                return found, relation if relation is not relations[-1] else None
    return found, relations[-1] if len(relations) == MAX_EXAMINED else None


def _beyond(relation: Relation, backwards: bool) -> Place:
    place = relation.place
    return Place(place.depth, place.position - 1) if backwards else place


async def _descendants(client: ClientApi, room_id: RoomId, parent: EventId) -> list[Relation]:
    """What relates to the event, to what relates to it, and so on, each once."""
    found: dict[EventId, Relation] = {}
    level = [parent]
    for _ in range(MAX_DEPTH):
        related = [one for one in await client.read.timelines.related(level) if one.event_id not in found]
        found.update((one.event_id, one) for one in related if one.event_id != parent)
        level = [one.event_id for one in related]
        if not level or len(found) >= MAX_DESCENDANTS:
            break
    return list(found.values())


def _cut(relations: Sequence[Relation], stretch: Stretch, kinds: tuple[str | None, str | None]) -> list[Relation]:
    """Those of the stretch, in its direction, with that relation and event type."""
    rel_type, event_type = kinds
    low, high = (stretch.stop, stretch.start) if stretch.backwards else (stretch.start, stretch.stop)
    wanted = [
        one
        for one in relations
        if (low or BEGINNING) < one.place <= (high or END)
        and rel_type in {None, one.rel_type}
        and event_type in {None, one.type}
    ]
    return sorted(wanted, key=lambda one: one.place, reverse=stretch.backwards)[:MAX_EXAMINED]
