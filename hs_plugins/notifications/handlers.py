"""`GET /notifications` (client-server API, "Listing Notifications")."""

from __future__ import annotations

from typing import Any, Final

import orjson
from starlette.responses import Response

from hs_core.errors import InvalidParam
from hs_core.http.request import Request
from hs_core.http.responses import json_response
from hs_plugins.notifications.role import NotificationsRole
from hs_plugins.notifications.store import Listed

DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 100
_LATEST: Final = 2**63 - 1
_DIGITS: Final = 19


async def get_notifications(role: NotificationsRole, request: Request) -> Response:
    """What the user has been notified of, the latest first."""
    user_id, before = request.asker.user_id, _position(request.query_text("from"))
    limit = request.query_int("limit", 1, MAX_LIMIT, DEFAULT_LIMIT)
    # "Allows basic filtering of events returned. Supply `highlight`": nothing else is a filter.
    highlights = request.query_text("only") == "highlight"
    found = await role.page(user_id, before, limit + 1, highlights=highlights)
    answer: dict[str, Any] = {"notifications": await _shown(role, request, found[:limit])}
    if len(found) > limit:
        answer["next_token"] = str(found[limit - 1].event_position)
    return json_response(answer)


async def _shown(role: NotificationsRole, request: Request, found: list[Listed]) -> list[dict[str, Any]]:
    loaded = await role.rooms.timelines.events([one.event_id for one in found])
    known = [one for one in found if one.event_id in loaded]
    reader = await role.reader(request.asker.user_id)
    events: dict[str, Any] = {}
    for room_id in {one.room_id for one in known}:
        stored = [loaded[one.event_id] for one in known if one.room_id == room_id]
        for event in await role.rooms.showing.events(reader, stored, with_room_id=False):
            events[event["event_id"]] = event
    return [
        {
            "room_id": one.room_id,
            "event": events[one.event_id],
            "actions": orjson.loads(one.actions),
            "read": one.read,
            "ts": one.ts,
        }
        for one in known
    ]


def _position(token: str | None) -> int:
    if token is None:
        return _LATEST
    if not (token.isascii() and token.isdigit() and len(token) <= _DIGITS):
        raise InvalidParam("That token did not come from this endpoint")
    return min(int(token), _LATEST)
