"""Make a room: its events in their order, its alias, its place in the directory; all of it or nothing."""

from collections.abc import Sequence

from hs_core.errors import InvalidParam, MatrixError
from hs_core.matrix.identifiers import RoomAlias, RoomId, UserId, parse_room_alias, parse_user_id
from hs_core.matrix.room_version import room_version
from hs_plugins.client.presets import (
    MAX_INITIAL_STATE,
    MAX_INVITES,
    CreateRoomBody,
    creation_content,
    first_events,
)
from hs_plugins.client.role import ClientApi
from hs_plugins.rooms.api import Draft, new_room


async def make_room(client: ClientApi, creator: UserId, body: CreateRoomBody) -> RoomId:
    """The room that `POST /createRoom` asks for.

    Raises MatrixError or ProtocolError; then neither room nor alias is there.
    """
    if len(body.invite) > MAX_INVITES or len(body.initial_state) > MAX_INITIAL_STATE:
        raise InvalidParam(f"At most {MAX_INVITES} invites and {MAX_INITIAL_STATE} state events")
    if body.invite_3pid:
        raise MatrixError(403, "M_SERVER_NOT_TRUSTED", "This server does not trust that identity server")
    version = room_version(client.config.default_room_version if body.room_version is None else body.room_version)
    alias = None
    if body.room_alias_name is not None:
        alias = parse_room_alias(f"#{body.room_alias_name}:{client.server_name}")
    invited = [user for user in dict.fromkeys(map(parse_user_id, body.invite)) if user != creator]
    room_id, create_event = new_room(
        creator,
        version,
        creation_content(body, version, invited),
        server_name=client.server_name,
        signing_key=client.signing_key,
        clock=client.clock,
    )
    profiles = {user: await client.profile_of(user) for user in (creator, *invited)}
    drafts = first_events(body, version, creator, profiles=profiles, invited=invited, alias=alias)
    await begin_room(client, room_id, create_event, drafts, alias)
    if body.visibility == "public":
        await client.publishing.publish(room_id, "", True)
    return room_id


async def begin_room(
    client: ClientApi, room_id: RoomId, create_event: bytes, drafts: Sequence[Draft], alias: RoomAlias | None
) -> None:
    """Have the rooms role make the room, while nobody else can take its alias."""
    if alias is None:
        await client.rooms.create_room(room_id, create_event, drafts)
        return
    await client.directory.reserve(alias, room_id, drafts[0].sender)
    try:
        await client.rooms.create_room(room_id, create_event, drafts)
    except BaseException:
        await client.directory.release(alias, room_id)
        raise
    await client.directory.settle(alias, room_id)
