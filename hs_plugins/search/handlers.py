"""`POST /search` (client-server API, "Server Side Search")."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from starlette.responses import Response

from hs_core.errors import InvalidParam
from hs_core.http.request import Request
from hs_core.http.responses import json_response
from hs_core.matrix.client_event import Unsigned, client_event
from hs_core.matrix.filters import parse_room_event_filter
from hs_core.matrix.identifiers import RoomId
from hs_plugins.search.batches import Batch, GroupKey, batch_from_token, batch_to_token
from hs_plugins.search.choosing import rooms_to_search
from hs_plugins.search.context import MAX_AROUND, Around, around, profiles
from hs_plugins.search.gathering import Gatherer
from hs_plugins.search.paging import Group, Order, Pager, Shown
from hs_plugins.search.role import SearchRole
from hs_plugins.search.values import KEYS, Gathered, Hit, Key, Wanted, texts_in
from hs_plugins.search.words import highlights, phrases_of

DEFAULT_LIMIT: Final = 10
MAX_LIMIT: Final = 50
MAX_TERM: Final = 2_000
"""Characters of a search term."""
RANKED: Final = 500
"""The newest matches, among which the best are found."""
COUNTED: Final = 200
"""Matches that are looked at to say how many there are."""
NEWEST: Final = 2**63 - 1

_Limit = Annotated[int, msgspec.Meta(ge=0)]


class EventContextBody(msgspec.Struct):
    before_limit: _Limit = 5
    after_limit: _Limit = 5
    include_profile: bool = False


class GroupBody(msgspec.Struct):
    key: GroupKey


class GroupingsBody(msgspec.Struct):
    group_by: Annotated[list[GroupBody], msgspec.Meta(max_length=10)] = []


class RoomEventsBody(msgspec.Struct):
    """What is searched for in rooms. `null` stands for what is absent."""

    search_term: Annotated[str, msgspec.Meta(max_length=MAX_TERM)]
    keys: Annotated[list[Key], msgspec.Meta(max_length=10)] | None = None
    filter: dict[str, Any] | None = None
    order_by: Order | None = None
    event_context: EventContextBody | None = None
    include_state: bool | None = None
    groupings: GroupingsBody | None = None


class CategoriesBody(msgspec.Struct):
    room_events: RoomEventsBody | None = None


class SearchBody(msgspec.Struct):
    """The body of the request."""

    search_categories: CategoriesBody


async def post_search(role: SearchRole, request: Request) -> Response:
    body = (await request.json(SearchBody)).search_categories.room_events
    token = request.query_text("next_batch")
    since = batch_from_token(token) if token else None
    if body is None:
        return json_response({"search_categories": {}})
    order: Order = body.order_by or "rank"
    if since is not None and since.order != order:
        raise InvalidParam("`next_batch` is of a search in another order")
    gatherer = await role.gatherer(request.asker)
    wanted = await _wanted(gatherer, body, since)
    gathered = await _gather(gatherer, wanted, order, since)
    limit = max(1, wanted.filter.page_size(DEFAULT_LIMIT, MAX_LIMIT))
    keys = list(dict.fromkeys(each.key for each in body.groupings.group_by)) if body.groupings else []
    shown = Pager(gathered, order, limit, since, keys).page()
    return json_response({"search_categories": {"room_events": await _as_json(gatherer, body, wanted, shown)}})


async def _wanted(gatherer: Gatherer, body: RoomEventsBody, since: Batch | None) -> Wanted:
    wanted = parse_room_event_filter(body.filter or {})
    rooms = await rooms_to_search(gatherer.read, gatherer.reader.user_id, wanted)
    senders = wanted.senders
    # A group of ranked results is part of what was ranked; one of recent results can be looked for by itself.
    if since is not None and since.order == "recent" and since.value is not None:
        if since.key == "room_id":
            rooms &= {RoomId(since.value)}
        else:
            senders = frozenset({since.value}) if senders is None else senders & {since.value}
    keys = frozenset(KEYS.values() if body.keys is None else body.keys)
    return Wanted(phrases_of(body.search_term), keys, wanted, frozenset(rooms), senders)


async def _gather(gatherer: Gatherer, wanted: Wanted, order: Order, since: Batch | None) -> Gathered:
    if wanted.filter.blocks_everything:
        return Gathered([], None)
    most = RANKED if order == "rank" else COUNTED if since is None else MAX_LIMIT + 1
    return await gatherer.gather(wanted, NEWEST if since is None else since.up_to, most)


async def _as_json(gatherer: Gatherer, body: RoomEventsBody, wanted: Wanted, shown: Shown) -> dict[str, Any]:
    texts = [text for hit in shown.hits for text in texts_in(hit.stored.event.type, hit.stored.event.content)]
    answer: dict[str, Any] = {
        "count": shown.count,
        "highlights": highlights(wanted.phrases, texts),
        "results": await _results(gatherer, body.event_context, shown.hits),
    }
    if body.include_state:
        rooms = dict.fromkeys(hit.stored.event.room_id for hit in shown.hits)
        answer["state"] = {room_id: await _state(gatherer, room_id) for room_id in rooms}
    if shown.groups:
        answer["groups"] = {key: _groups(groups) for key, groups in shown.groups.items()}
    if shown.next_batch is not None:
        answer["next_batch"] = batch_to_token(shown.next_batch)
    return answer


async def _results(gatherer: Gatherer, wanted: EventContextBody | None, hits: list[Hit]) -> list[dict[str, Any]]:
    by_room: dict[RoomId, list[Hit]] = {}
    for hit in hits:
        by_room.setdefault(hit.stored.event.room_id, []).append(hit)
    events: dict[str, dict[str, Any]] = {}
    for some in by_room.values():
        for event in await gatherer.read.showing.events(gatherer.reader, [hit.stored for hit in some]):
            events[event["event_id"]] = event
    results = []
    for hit in hits:
        result: dict[str, Any] = {"rank": hit.rank, "result": events[hit.stored.event.event_id]}
        if wanted is not None:
            result["context"] = await _context(gatherer, wanted, hit)
        results.append(result)
    return results


async def _context(gatherer: Gatherer, wanted: EventContextBody, hit: Hit) -> dict[str, Any]:
    view = await gatherer.view(hit.stored.event.room_id)
    assert view is not None, "there are no hits in rooms that are not searched"
    before, after = min(wanted.before_limit, MAX_AROUND), min(wanted.after_limit, MAX_AROUND)
    others: Around = await around(gatherer, view, hit.stored, before, after)
    context = await others.shown(gatherer)
    if wanted.include_profile:
        context["profile_info"] = await profiles(gatherer.read, hit.stored, others)
    return context


async def _state(gatherer: Gatherer, room_id: RoomId) -> list[dict[str, Any]]:
    """The room's current state, or as it was when the searcher left."""
    view = await gatherer.view(room_id)
    if view is None:
        return []
    ids = await gatherer.read.states.ids(view.state)
    events = await gatherer.read.timelines.events(ids.values())
    now = gatherer.clock.now_ms()
    return [
        client_event(one.event, Unsigned(age=now - one.event.origin_server_ts))
        for event_id in ids.values()
        if (one := events.get(event_id)) is not None
    ]


def _groups(groups: list[Group]) -> dict[str, dict[str, Any]]:
    shown = {}
    for order, group in enumerate(groups, 1):
        shown[group.value] = {"order": order, "results": [hit.stored.event.event_id for hit in group.hits]}
        if group.next_batch is not None:
            shown[group.value]["next_batch"] = batch_to_token(group.next_batch)
    return shown
