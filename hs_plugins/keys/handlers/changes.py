"""`GET /keys/changes` (client-server API, "Key management API")."""

from __future__ import annotations

from starlette.responses import Response

from hs_core.http.request import Request
from hs_core.http.responses import json_response
from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.streams.token import EVENTS_KEY, parse_token
from hs_plugins.keys.device_lists import SECTION, Stretch
from hs_plugins.keys.moves import was_joined
from hs_plugins.keys.role import KeysRole
from hs_plugins.rooms.api import EventRow


async def get_changes(role: KeysRole, request: Request) -> Response:
    """What `device_lists` of all syncs since a token would have said, up to now."""
    after, up_to = parse_token(request.query_required("from")), parse_token(request.query_required("to"))
    # "This may be used by the server as a hint to check its caches are up to date."
    await role.list_follower.reached(up_to.get(SECTION.key, 0))
    await role.event_follower.reached(up_to.get(EVENTS_KEY, 0))
    lists = (after.get(SECTION.key, 0), role.list_follower.position)
    events = (after.get(EVENTS_KEY, 0), role.event_follower.position)
    stretch = await _stretch(role, request.asker.user_id, lists, events)
    return json_response((await role.changes.told(stretch)).to_json())


async def _stretch(role: KeysRole, user: UserId, lists: tuple[int, int], events: tuple[int, int]) -> Stretch:
    """Where the user is, and where that changed."""
    memberships = await role.rooms.members.of_user(user)
    joined = [each.room_id for each in memberships if each.membership == "join"]
    touched = [each.room_id for each in memberships if each.position > events[0]]
    own = await role.rooms.timelines.own_memberships(user, touched, *events) if touched else {}
    newly_joined: list[RoomId] = []
    newly_left: list[RoomId] = []
    for room_id in touched:
        rows = [row for _, row in own.get(room_id, ())]
        if room_id in joined and (not rows or not _always_in(rows)):
            newly_joined.append(room_id)
        elif room_id not in joined and (not rows or _ever_in(rows)):
            newly_left.append(room_id)
    return Stretch(user, lists, events, joined, newly_joined, newly_left)


def _always_in(rows: list[EventRow]) -> bool:
    return was_joined(rows[0]) and all(row.membership == "join" for row in rows)


def _ever_in(rows: list[EventRow]) -> bool:
    return was_joined(rows[0]) or any(row.membership == "join" for row in rows)
