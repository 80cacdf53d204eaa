"""Join, invite, knock, leave, kick, ban (client-server API, "Room membership")."""

from typing import Any

import msgspec
from starlette.responses import Response

from hs_core.errors import Forbidden, GuestForbidden, MatrixError, MissingParam, NotFound, UserSuspended
from hs_core.http.request import Request
from hs_core.http.responses import empty, json_response
from hs_core.matrix.identifiers import RoomId, UserId, parse_room_alias, parse_room_id, parse_user_id
from hs_plugins.client.guests import lets_guests_in
from hs_plugins.client.role import ClientApi
from hs_plugins.rooms.api import Draft, Join

_KEYS_WITH_MEANING = frozenset({"membership", "reason", "third_party_signed", "join_authorised_via_users_server"})
"""Of the body of a join or its member event: they are taken, or left out, each in its own way."""


class ReasonBody(msgspec.Struct):
    """What every change of membership may say."""

    reason: str | None = None


class JoinBody(ReasonBody):
    """The body of a join."""

    third_party_signed: dict[str, Any] | None = None


class TargetBody(ReasonBody):
    """The body of what is done to another user."""

    user_id: str | None = None


class InviteBody(TargetBody):
    """The body of an invite, of either of its forms."""

    medium: str | None = None
    address: str | None = None


async def post_join(client: ClientApi, request: Request) -> Response:
    """`POST /rooms/{roomId}/join`, `POST /join/{roomIdOrAlias}`."""
    body = await request.json(JoinBody, allow_empty=True)
    custom = _custom(await request.json_object(allow_empty=True))
    room_id, user = await _room_to_enter(client, request), request.asker.user_id
    if request.asker.is_guest and not await lets_guests_in(client.read, room_id):
        raise GuestForbidden("Guests cannot join this room")
    content = {**await client.profile_of(user), **custom, **_reason(body)}
    await client.join(room_id, Join(user_id=user, content=content, third_party_signed=body.third_party_signed))
    return json_response({"room_id": room_id})


async def post_knock(client: ClientApi, request: Request) -> Response:
    """`POST /knock/{roomIdOrAlias}`."""
    body = await request.json(ReasonBody, allow_empty=True)
    room_id, user = await _room_to_enter(client, request), request.asker.user_id
    await client.rooms.knock(room_id, Join(user_id=user, content={**await client.profile_of(user), **_reason(body)}))
    return json_response({"room_id": room_id})


async def post_leave(client: ClientApi, request: Request) -> Response:
    """`POST /rooms/{roomId}/leave`: also rejects an invite and takes a knock back."""
    body = await request.json(ReasonBody, allow_empty=True)
    room_id, user = request.room_id("room_id"), request.asker.user_id
    current = await client.read.members.membership(room_id, user)
    if current is None or current.membership != "leave":
        await _change(client, request, user, "leave", _reason(body))
    return empty()


async def post_invite(client: ClientApi, request: Request) -> Response:
    """`POST /rooms/{roomId}/invite`."""
    body = await request.json(InviteBody)
    if request.asker.is_suspended:
        raise UserSuspended
    if body.user_id is None and body.address is not None:
        raise MatrixError(403, "M_SERVER_NOT_TRUSTED", "This server does not trust that identity server")
    target = _target(body)
    await _change(client, request, target, "invite", {**await client.profile_of(target), **_reason(body)})
    return empty()


async def post_kick(client: ClientApi, request: Request) -> Response:
    """`POST /rooms/{roomId}/kick`."""
    body = await request.json(TargetBody)
    target = _target(body)
    await _expect(client, request, target, {"join", "invite", "knock"}, "The user is not in the room")
    await _change(client, request, target, "leave", _reason(body))
    return empty()


async def post_ban(client: ClientApi, request: Request) -> Response:
    """`POST /rooms/{roomId}/ban`."""
    body = await request.json(TargetBody)
    await _change(client, request, _target(body), "ban", _reason(body))
    return empty()


async def post_unban(client: ClientApi, request: Request) -> Response:
    """`POST /rooms/{roomId}/unban`."""
    body = await request.json(TargetBody)
    target = _target(body)
    await _expect(client, request, target, {"ban"}, "The user is not banned")
    await _change(client, request, target, "leave", _reason(body))
    return empty()


async def post_forget(client: ClientApi, request: Request) -> Response:
    """`POST /rooms/{roomId}/forget`."""
    await client.rooms.forget(request.room_id("room_id"), request.asker.user_id)
    return empty()


def _reason(body: ReasonBody) -> dict[str, Any]:
    return {} if body.reason is None else {"reason": body.reason}


def _custom(body: dict[str, Any]) -> dict[str, Any]:
    """What else a body wants its member event to say.

    NOTSPEC: the specification has only `reason`; clients put more there, which other servers carry over as well.
    """
    return {key: value for key, value in body.items() if key not in _KEYS_WITH_MEANING}


def _target(body: TargetBody) -> UserId:
    if body.user_id is None:
        raise MissingParam("`user_id` is missing")
    return parse_user_id(body.user_id)


async def _room_to_enter(client: ClientApi, request: Request) -> RoomId:
    """The room that the path names, by its ID or an alias. Raises NotFound for an alias that nobody knows."""
    if request.asker.is_suspended:
        raise UserSuspended
    if "room_id" in request.params:
        return request.room_id("room_id")
    name = request.params["room_id_or_alias"]
    if not name.startswith("#"):
        return parse_room_id(name)
    alias = parse_room_alias(name)
    found = await client.directory.resolve(alias)
    if found is None:
        raise NotFound(f"Room alias {alias} not found")
    return found.room_id


async def _expect(client: ClientApi, request: Request, target: UserId, memberships: set[str], otherwise: str) -> None:
    current = await client.read.members.membership(request.room_id("room_id"), target)
    if current is None or current.membership not in memberships:
        raise Forbidden(otherwise)


async def _change(
    client: ClientApi, request: Request, target: UserId, membership: str, content: dict[str, Any]
) -> None:
    if request.asker.is_suspended and membership != "leave":
        raise UserSuspended
    draft = Draft(
        sender=request.asker.user_id,
        type="m.room.member",
        state_key=target,
        content={**content, "membership": membership},
    )
    try:
        await client.rooms.send(request.room_id("room_id"), draft)
    except MatrixError as error:
        if error.errcode == "M_NOT_FOUND" and membership != "leave":
            raise Forbidden("You are not in that room") from error
        raise
