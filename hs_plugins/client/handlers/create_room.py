"""Make rooms (client-server API, "Creation")."""

from starlette.responses import Response

from hs_core.errors import UserSuspended
from hs_core.http.request import Request
from hs_core.http.responses import json_response
from hs_plugins.client.making import make_room
from hs_plugins.client.presets import CreateRoomBody
from hs_plugins.client.role import ClientApi


async def post_create_room(client: ClientApi, request: Request) -> Response:
    """`POST /createRoom`."""
    body = await request.json(CreateRoomBody, allow_empty=True)
    if request.asker.is_suspended:
        raise UserSuspended
    return json_response({"room_id": await make_room(client, request.asker.user_id, body)})
