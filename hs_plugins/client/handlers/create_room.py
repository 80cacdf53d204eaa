"""Make rooms (client-server API, "Creation")."""

from starlette.responses import Response

from hs_core.errors import InvalidParam
from hs_core.http.request import Request
from hs_core.http.responses import json_response
from hs_core.matrix.identifiers import parse_user_id
from hs_core.matrix.room_version import room_version
from hs_plugins.client.presets import (
    MAX_INITIAL_STATE,
    MAX_INVITES,
    CreateRoomBody,
    creation_content,
    first_events,
)
from hs_plugins.client.role import ClientApi
from hs_plugins.rooms.api import new_room


async def post_create_room(client: ClientApi, request: Request) -> Response:
    """`POST /createRoom`."""
    body = await request.json(CreateRoomBody, allow_empty=True)
    if len(body.invite) > MAX_INVITES or len(body.initial_state) > MAX_INITIAL_STATE:
        raise InvalidParam(f"At most {MAX_INVITES} invites and {MAX_INITIAL_STATE} state events")
    creator = request.asker.user_id
    version = room_version(client.default_room_version if body.room_version is None else body.room_version)
    invited = [user for user in dict.fromkeys(map(parse_user_id, body.invite)) if user != creator]
    profiles = {user: await client.profile_of(user) for user in (creator, *invited)}
    room_id, create_event = new_room(
        creator,
        version,
        creation_content(body, version, invited),
        server_name=client.server_name,
        signing_key=client.signing_key,
        clock=client.clock,
    )
    drafts = first_events(body, version, creator, profiles=profiles, invited=invited, alias=None)
    await client.rooms.create_room(room_id, create_event, drafts)
    return json_response({"room_id": room_id})
