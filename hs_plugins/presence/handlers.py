"""`/presence/{userId}/status` (client-server API, "Presence")."""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.responses import Response

from hs_core.errors import Forbidden, NotFound
from hs_core.http.request import Request
from hs_core.http.responses import empty, json_response
from hs_core.matrix.identifiers import server_name_of
from hs_plugins.presence.role import PresenceRole
from hs_plugins.presence.rows import OFFLINE, State


class StatusBody(msgspec.Struct):
    """The body of `PUT /presence/{userId}/status`."""

    presence: State
    status_msg: Annotated[str, msgspec.Meta(max_length=1024, pattern=r"\A[^\0]*\Z")] | None = None
    """NOTSPEC: bounded, for it is sent to everybody. No database stores a NUL in a text."""


async def put_status(role: PresenceRole, request: Request) -> Response:
    """ "You cannot set the presence state of another user." """
    user_id, asker = request.user_id("user_id"), request.asker
    body = await request.json(StatusBody)
    if user_id != asker.user_id:
        raise Forbidden("You cannot set the presence of somebody else")
    await role.presence.says(user_id, asker.device_id, body.presence, body.status_msg)
    return empty()


async def get_status(role: PresenceRole, request: Request) -> Response:
    """The presence of a user with whom one shares a room, or of oneself."""
    user_id, asker = request.user_id("user_id"), request.asker
    if user_id != asker.user_id and not await role.rooms.share(asker.user_id, user_id):
        if server_name_of(user_id) == role.server_name and await role.users.account(user_id) is None:
            raise NotFound("There is no such user")
        raise Forbidden("You are not allowed to see their presence")
    row = await role.presence.of(user_id)
    return json_response({"presence": OFFLINE} if row is None else row.content(role.clock.now_ms()))
