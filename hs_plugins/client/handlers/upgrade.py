"""Upgrade rooms (client-server API, "Room upgrades")."""

from typing import Annotated

import msgspec
from starlette.responses import Response

from hs_core.errors import NotFound, UserSuspended
from hs_core.http.request import Request
from hs_core.http.responses import json_response
from hs_core.matrix.identifiers import parse_user_id
from hs_core.matrix.room_version import room_version
from hs_plugins.client.presets import MAX_INVITES
from hs_plugins.client.role import ClientApi
from hs_plugins.client.upgrading import upgrade_room


class UpgradeBody(msgspec.Struct):
    """The body of `POST /rooms/{roomId}/upgrade`."""

    new_version: str
    additional_creators: Annotated[list[str], msgspec.Meta(max_length=MAX_INVITES)] = msgspec.field(
        default_factory=list
    )


async def post_upgrade(client: ClientApi, request: Request) -> Response:
    """`POST /rooms/{roomId}/upgrade`."""
    body, user = await request.json(UpgradeBody), request.asker.user_id
    if request.asker.is_suspended:
        raise UserSuspended
    version, room_id = room_version(body.new_version), request.room_id("room_id")
    if not await client.read.members.rooms([room_id]):
        raise NotFound("This server knows no such room")
    creators = [one for one in dict.fromkeys(map(parse_user_id, body.additional_creators)) if one != user]
    new_id = await upgrade_room(client, user, room_id, version, creators)
    return json_response({"replacement_room": new_id})
