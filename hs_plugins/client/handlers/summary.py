"""A room in brief for who may want to join it (client-server API, "Room Summaries")."""

from typing import Any

import msgspec
from starlette.responses import Response

from hs_core.errors import NotFound
from hs_core.http.request import Request
from hs_core.http.responses import json_response
from hs_core.matrix.identifiers import RoomId, UserId, parse_room_alias, parse_room_id
from hs_plugins.client.role import ClientApi
from hs_plugins.rooms.api import Membership, RoomSummary

_OPEN_RULES = {"public", "knock", "knock_restricted"}


async def get_room_summary(client: ClientApi, request: Request) -> Response:
    """`GET /room_summary/{roomIdOrAlias}`. Raises NotFound for a room that the asker may not know of."""
    room_id = await _room(client, request.params["room_id_or_alias"])
    info = (await client.read.members.rooms([room_id])).get(room_id)
    if info is None:
        raise NotFound("Room not found")
    summary = (await client.read.summaries.of([info]))[room_id]
    user = request.requester.user_id if request.requester else None
    membership = await client.read.members.membership(room_id, user) if user else None
    if not await _may_know(client, summary, user, membership):
        raise NotFound("Room not found")
    answer: dict[str, Any] = msgspec.to_builtins(summary)
    if user is not None:
        answer["membership"] = membership.membership if membership else "leave"
    return json_response(answer)


async def _room(client: ClientApi, name: str) -> RoomId:
    if not name.startswith("#"):
        return parse_room_id(name)
    found = await client.directory.resolve(parse_room_alias(name))
    if found is None:
        raise NotFound("Room not found")
    return found.room_id


async def _may_know(
    client: ClientApi, summary: RoomSummary, user: UserId | None, membership: Membership | None
) -> bool:
    """Who could join or look into a room may have its summary; so may its members and those who are invited."""
    if summary.world_readable or summary.join_rule in _OPEN_RULES:
        return True
    if user is None:
        return False
    if membership is not None and membership.membership in {"join", "invite", "knock"}:
        return True
    joined = {room.room_id for room in await client.read.members.of_user(user, ["join"])}
    return not joined.isdisjoint(summary.allowed_room_ids)
