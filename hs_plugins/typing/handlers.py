"""`PUT /rooms/{roomId}/typing/{userId}` (client-server API, "Typing Notifications")."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from starlette.responses import Response

from hs_core.errors import Forbidden
from hs_core.http.request import Request
from hs_core.http.responses import empty
from hs_plugins.typing.service import TypingRole

DEFAULT_TIMEOUT_MS: Final = 30_000


class TypingBody(msgspec.Struct):
    """The body of the request."""

    typing: bool
    timeout: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """Milliseconds; more than `MAX_TIMEOUT_MS` counts as so many."""


async def put_typing(role: TypingRole, request: Request) -> Response:
    """Say that one types, or does not any more."""
    room_id, user_id, asker = request.room_id("room_id"), request.user_id("user_id"), request.asker
    body = await request.json(TypingBody)
    if user_id != asker.user_id:
        raise Forbidden("You cannot type for somebody else")
    membership = await role.members.membership(room_id, user_id)
    if membership is None or membership.membership != "join":
        raise Forbidden("You are not in this room")
    timeout = DEFAULT_TIMEOUT_MS if body.timeout is None else body.timeout
    await role.typing.set(room_id, user_id, timeout if body.typing else 0)
    return empty()
