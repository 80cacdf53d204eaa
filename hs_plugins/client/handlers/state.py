"""Look at a room's state and at single events (client-server API, "Getting events for a room")."""

from typing import Any

from starlette.responses import Response

from hs_core.errors import Forbidden, InvalidParam, NotFound
from hs_core.http.request import Request
from hs_core.http.responses import json_response
from hs_core.matrix.event import Event
from hs_core.matrix.membership import Membership, membership_of, parse_membership
from hs_plugins.client.looking import members_in, plainly, visible_event, whole_state
from hs_plugins.client.paging import place_from_query
from hs_plugins.client.role import ClientApi


async def get_event(client: ClientApi, request: Request) -> Response:
    """`GET /rooms/{roomId}/event/{eventId}`."""
    reader = await client.reader(request.asker)
    stored = await visible_event(client.read, reader, request.room_id("room_id"), request.event_id("event_id"))
    return json_response((await client.read.showing.events(reader, [stored]))[0])


async def get_state(client: ClientApi, request: Request) -> Response:
    """`GET /rooms/{roomId}/state`: the current state, or the one "of the room when they left"."""
    view = await client.read.views.of(request.asker.user_id, request.room_id("room_id"))
    return json_response(plainly(await whole_state(client.read, view.state), client.clock.now_ms()))


async def get_state_event(client: ClientApi, request: Request) -> Response:
    """`GET /rooms/{roomId}/state/{eventType}/{stateKey}`."""
    shape = request.query_text("format", "content")
    if shape not in {"content", "event"}:
        raise InvalidParam("`format` must be content or event")
    view = await client.read.views.of(request.asker.user_id, request.room_id("room_id"))
    key = (request.params["event_type"], request.params.get("state_key", ""))
    stored = await client.read.states.event(view.state, key)
    if stored is None:
        raise NotFound("The room has no state with that type and key")
    event = stored.event
    return json_response(event.content if shape == "content" else plainly([event], client.clock.now_ms())[0])


async def get_members(client: ClientApi, request: Request) -> Response:
    """`GET /rooms/{roomId}/members`, now or `at` a place that a sync or a page of messages named."""
    room_id = request.room_id("room_id")
    only, without = _membership(request, "membership"), _membership(request, "not_membership")
    view = await client.read.views.of(request.asker.user_id, room_id)
    place = await place_from_query(request, "at", room_id, client.read)
    root: bytes | None = view.state
    if place is not None and (view.until is None or place.position < view.until.position):
        root = await client.read.states.at(room_id, place.position)
    members = [] if root is None else await members_in(client.read, root)
    chunk = [event for event in members if _is_wanted(event, only, without)]
    return json_response({"chunk": plainly(chunk, client.clock.now_ms())})


async def get_joined_members(client: ClientApi, request: Request) -> Response:
    """`GET /rooms/{roomId}/joined_members`: for those who are in the room."""
    room_id = request.room_id("room_id")
    if not (await client.read.views.of(request.asker.user_id, room_id)).is_member:
        raise Forbidden("You are not in that room")
    members = await client.read.members.in_room(room_id)
    events = await client.read.timelines.events([member.event_id for member in members])
    joined = {
        member.user_id: _profile(events[member.event_id].event) for member in members if member.event_id in events
    }
    return json_response({"joined": joined})


async def get_joined_rooms(client: ClientApi, request: Request) -> Response:
    """`GET /joined_rooms`."""
    rooms = await client.read.members.of_user(request.asker.user_id, ["join"])
    return json_response({"joined_rooms": [room.room_id for room in rooms]})


def _membership(request: Request, name: str) -> Membership | None:
    value = request.query_text(name)
    membership = parse_membership(value)
    if value is not None and membership is None:
        raise InvalidParam(f"The query parameter {name!r} is no membership")
    return membership


def _is_wanted(event: Event, only: Membership | None, without: Membership | None) -> bool:
    """ "When specified alongside `not_membership`, the two parameters create an 'or' condition"."""
    membership = membership_of(event)
    if only is None and without is None:
        return True
    return membership is only or (without is not None and membership is not without)


def _profile(member: Event) -> dict[str, Any]:
    """What a member event says of the member, where it is what it should be."""
    named = {"display_name": member.content.get("displayname"), "avatar_url": member.content.get("avatar_url")}
    return {name: value for name, value in named.items() if isinstance(value, str)}
