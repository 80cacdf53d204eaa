"""Endpoints from before `/sync` ("Syncing", deprecated; "Room Previews"), which older clients and guests still use."""

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from hs_core.errors import NotFound
from hs_core.http.request import Request
from hs_core.http.responses import json_response
from hs_core.matrix.filters import DEFAULT_FILTER, Filter, parse_filter
from hs_core.matrix.identifiers import parse_room_id
from hs_core.plugin.hookspecs import client_syncs
from hs_core.streams.token import format_token, parse_token
from hs_plugins.sync.event_stream import wait_for_events
from hs_plugins.sync.gather import DEFAULT_LIMIT, MAX_LIMIT
from hs_plugins.sync.handlers.sync import MAX_TIMEOUT
from hs_plugins.sync.service import Syncing
from hs_plugins.sync.wanted import Wanted

DEFAULT_TIMEOUT: Final = 30_000
"""Milliseconds that a client waits that does not say how long."""


async def get_events(syncing: Syncing, request: Request) -> Response:
    """`GET /events`: wait for the next events; with `room_id` of that room alone."""
    asker = request.asker
    start, room = request.query_text("from"), request.query_text("room_id")
    room_id = parse_room_id(room) if room else None
    limit = request.query_int("limit", 1, MAX_LIMIT, MAX_LIMIT)
    timeout = request.query_int("timeout", 0, MAX_TIMEOUT, DEFAULT_TIMEOUT) / 1000
    view = await syncing.following.views.of(asker.user_id)
    await syncing.stream.check_peek(asker, room_id, view)
    since = parse_token(start) if start else syncing.following.positions()
    wanted = _wanted(request, DEFAULT_FILTER, since, timeout)
    await _told_online(syncing, wanted)
    chunk = await wait_for_events(syncing.stream, wanted, room_id, limit, syncing.draining)
    return json_response({"start": format_token(since), "end": format_token(chunk.positions), "chunk": chunk.events})


async def get_event(syncing: Syncing, request: Request) -> Response:
    """`GET /events/{eventId}`."""
    event = await syncing.stream.event(request.event_id("event_id"), _wanted(request, DEFAULT_FILTER))
    if event is None:
        raise NotFound("There is no such event, or you may not see it")
    return json_response(event)


async def get_initial_sync(syncing: Syncing, request: Request) -> Response:
    """`GET /initialSync`."""
    archived = request.query_flag("archived")
    wanted = _limited(request, include_leave=archived)
    await _told_online(syncing, wanted)
    view = await syncing.following.views.of(wanted.user_id)
    return json_response(await syncing.snapshots.everything(wanted, view))


async def get_room_initial_sync(syncing: Syncing, request: Request) -> Response:
    """`GET /rooms/{roomId}/initialSync`."""
    room_id = request.room_id("room_id")
    wanted = _limited(request, include_leave=True)
    view = await syncing.following.views.of(wanted.user_id)
    return json_response(await syncing.snapshots.of_room(room_id, wanted, view))


async def _told_online(syncing: Syncing, wanted: Wanted) -> None:
    """ "The default state when the user is connected to an event stream" ("Presence")."""
    timeout_ms = round(wanted.timeout * 1000)
    await syncing.hooks.notify(client_syncs, wanted.user_id, wanted.device_id, "online", timeout_ms)


def _limited(request: Request, *, include_leave: bool) -> Wanted:
    limit = request.query_int("limit", 0, MAX_LIMIT, DEFAULT_LIMIT)
    # "The global private data created by this user": what the server manages is for `/sync`.
    definition = {
        "account_data": {"not_types": ["m.push_rules"]},
        "room": {"include_leave": include_leave, "timeline": {"limit": limit}},
    }
    return _wanted(request, parse_filter(definition))


def _wanted(
    request: Request, definition: Filter, since: Mapping[str, int] | None = None, timeout: float = 0.0
) -> Wanted:
    asker = request.asker
    return Wanted(asker.user_id, asker.device_id, definition, since, timeout=timeout)
