"""`/user/{userId}/account_data` and `/user/{userId}/rooms/{roomId}` (client-server API, "Client Config", "Room
Tagging").
"""

from __future__ import annotations

from starlette.responses import Response

from hs_core.errors import Forbidden, NotFound
from hs_core.http.request import Request
from hs_core.http.responses import empty, json_response
from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.plugin.hookspecs import managed_account_data
from hs_plugins.account_data.api import TAGS
from hs_plugins.account_data.contents import check_tag, check_type, tags_in, written
from hs_plugins.account_data.service import AccountDataRole


async def get_global(role: AccountDataRole, request: Request) -> Response:
    user, type_ = _own(request), request.params["type"]
    managed = await role.hooks.first(managed_account_data, user, type_)
    return json_response(await _stored(role, user, None, type_) if managed is None else written(managed))


async def put_global(role: AccountDataRole, request: Request) -> Response:
    return await _put(role, request, None)


async def get_room(role: AccountDataRole, request: Request) -> Response:
    return json_response(await _stored(role, _own(request), request.room_id("room_id"), request.params["type"]))


async def put_room(role: AccountDataRole, request: Request) -> Response:
    return await _put(role, request, request.room_id("room_id"))


async def get_tags(role: AccountDataRole, request: Request) -> Response:
    content = await role.read.content(_own(request), request.room_id("room_id"), TAGS)
    return json_response(written({"tags": tags_in(content)}))


async def put_tag(role: AccountDataRole, request: Request) -> Response:
    user, room, tag = _own(request), request.room_id("room_id"), request.params["tag"]
    content = await request.json_object(canonical=False)
    check_tag(tag, content)
    await role.calls.put_tag(user, room, tag, written(content))
    return empty()


async def delete_tag(role: AccountDataRole, request: Request) -> Response:
    await role.calls.delete_tag(_own(request), request.room_id("room_id"), request.params["tag"])
    return empty()


async def _stored(role: AccountDataRole, user: UserId, room: RoomId | None, type_: str) -> bytes:
    """Raises NotFound."""
    content = await role.read.content(user, room, type_)
    if content is None:
        raise NotFound("Account data not found")
    return content


async def _put(role: AccountDataRole, request: Request, room: RoomId | None) -> Response:
    user, type_ = _own(request), request.params["type"]
    check_type(type_)
    content = await request.json_object(canonical=False)
    await role.calls.put(user, room, type_, written(content))
    return empty()


def _own(request: Request) -> UserId:
    """ "Users may only view the account data for their own account." """
    user = request.user_id("user_id")
    if user != request.asker.user_id:
        raise Forbidden("This is another user's account data")
    return user
