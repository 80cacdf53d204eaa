"""Manage delayed events, look at them, and schedule some by an endpoint of its own (MSC4140)."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from starlette.responses import Response

from hs_core.errors import InvalidParam, NotFound, Unrecognized, UserSuspended
from hs_core.http.request import Request
from hs_core.http.responses import empty, json_response
from hs_plugins.delayed_events import store
from hs_plugins.delayed_events.listing import parse_listing, to_token
from hs_plugins.delayed_events.role import DelayedEventsRole
from hs_plugins.rooms.api import Draft

PAGE: Final = 50
MAX_NAME: Final = 255
"""Bytes of a transaction ID; characters of one that is shorter than that."""


class ActionBody(msgspec.Struct):
    action: str


class DelayedBody(msgspec.Struct, kw_only=True):
    delay: Annotated[int, msgspec.Meta(ge=1, lt=2**53)]
    content: dict[str, Any]
    state_key: str | None = None


async def put_delayed_event(role: DelayedEventsRole, request: Request) -> Response:
    """`PUT /rooms/{roomId}/delayed_event/{eventType}/{txnId}`."""
    await request.json_object()  # its content must be what an event can have
    body, asker = await request.json(DelayedBody), request.asker
    if asker.is_suspended:
        raise UserSuspended
    if len(request.params["txn_id"]) > MAX_NAME:
        raise InvalidParam(f"A transaction ID has at most {MAX_NAME} characters")
    draft = Draft(
        sender=asker.user_id,
        type=request.params["event_type"],
        content=body.content,
        state_key=body.state_key,
        device_id=asker.device_id,
        txn_id=request.params["txn_id"],
        origin_server_ts=request.query_int("ts", 0, 2**53 - 1) if asker.appservice else None,
    )
    return json_response({"delay_id": await role.schedule(request.room_id("room_id"), draft, body.delay)})


async def post_action(role: DelayedEventsRole, request: Request) -> Response:
    """`POST /delayed_events/{delay_id}/{action}`: by whoever knows the ID."""
    action = _ACTIONS.get(request.params["action"])
    if action is None:
        raise Unrecognized
    await action(role, request.params["delay_id"])
    return empty()


async def post_action_in_body(role: DelayedEventsRole, request: Request) -> Response:
    """`POST /delayed_events/{delay_id}`, as it was before actions had paths of their own."""
    action = _ACTIONS.get((await request.json(ActionBody)).action)
    if action is None:
        raise InvalidParam(f"action must be one of {', '.join(_ACTIONS)}")
    await action(role, request.params["delay_id"])
    return empty()


async def get_delayed_event(role: DelayedEventsRole, request: Request) -> Response:
    """`GET /delayed_events/{delay_id}`."""
    event = await role.db.read(lambda tx: store.one(tx, request.params["delay_id"]))
    if event is None or event.user_id != request.asker.user_id:
        raise NotFound("You have no such delayed event")
    return json_response(event.to_json())


async def get_delayed_events(role: DelayedEventsRole, request: Request) -> Response:
    """`GET /delayed_events`."""
    listing = parse_listing({name: values[-1] for name, values in request.query.items()}, role.clock.now_ms())
    user = request.asker.user_id
    found = await role.db.read(lambda tx: store.listed(tx, user, listing, PAGE + 1))
    answer: dict[str, Any] = {"delayed_events": [event.to_json() for _, event in found[:PAGE]]}
    if len(found) > PAGE:
        time, last = found[PAGE - 1]
        answer["prev_batch" if listing.backwards else "next_batch"] = to_token((time, last.delay_id))
    return json_response(answer)


_ACTIONS: Final = {
    "send": DelayedEventsRole.send,
    "cancel": DelayedEventsRole.cancel,
    "restart": DelayedEventsRole.restart,
}
