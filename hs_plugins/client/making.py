"""Make a room: its events in their order, its alias, its place in the directory; all of it or nothing."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from hs_core.errors import InvalidParam, MatrixError
from hs_core.matrix.identifiers import DeviceId, RoomAlias, RoomId, UserId, parse_room_alias, parse_user_id
from hs_core.matrix.room_version import RoomVersion, room_version
from hs_plugins.client.presets import (
    MAX_INITIAL_STATE,
    MAX_INVITES,
    CreateRoomBody,
    creation_content,
    first_events,
)
from hs_plugins.client.role import ClientApi
from hs_plugins.rooms.api import Draft, new_room

MAKING: Final = DeviceId("making a room")
"""Stands for the device whose transaction it is: one that nobody has."""
ATTEMPTS: Final = 10
"""How often a room that exists already is made anew, at another time."""


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
    profiles = {user: await client.profile_of(user) for user in (creator, *invited)}
    drafts = first_events(body, version, creator, profiles=profiles, invited=invited, alias=alias)
    room_id = await begin_room(client, version, creation_content(body, version, invited), drafts, alias)
    if body.visibility == "public":
        await client.publishing.publish(room_id, "", True)
    return room_id


async def begin_room(
    client: ClientApi,
    version: RoomVersion,
    content: Mapping[str, Any],
    drafts: Sequence[Draft],
    alias: RoomAlias | None = None,
) -> RoomId:
    """Have the rooms role make a room, of the sender of the drafts, while nobody else can take its alias.

    Where the room's ID is made from its create event, two rooms that somebody makes in the same millisecond would be
    the same room: then the later one is made a little later.
    """
    creator = drafts[0].sender
    # So that the owner of the room knows this call from another if it has to be made again, after a crash.
    once = replace(drafts[-1], device_id=MAKING, txn_id=client.clock.random_text(16))
    drafts = [*drafts[:-1], once]
    for attempt in range(1, ATTEMPTS + 1):
        room_id, create_event = new_room(
            creator,
            version,
            content,
            server_name=client.server_name,
            signing_key=client.signing_key,
            clock=client.clock,
        )
        if alias is not None:
            await client.directory.reserve(alias, room_id, creator)
        try:
            await client.rooms.create_room(room_id, create_event, drafts)
        except BaseException as error:
            if alias is not None:
                await client.directory.release(alias, room_id)
            if not _exists(error) or attempt == ATTEMPTS:
                raise
            await client.clock.sleep(attempt * 0.001)
            continue
        if alias is not None:
            await client.directory.settle(alias, room_id)
        return room_id
    raise AssertionError("the last attempt has returned or raised")


def _exists(error: BaseException) -> bool:
    return isinstance(error, MatrixError) and error.errcode == "M_ROOM_IN_USE"
