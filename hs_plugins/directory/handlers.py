"""Aliases and lists over HTTP (client-server API, "Room aliases", "Published room directory")."""

from typing import Annotated, Any, Literal

import msgspec
from starlette.responses import Response

from hs_core.errors import Exclusive, Forbidden, InvalidParam, MatrixError, MissingToken, NotFound
from hs_core.http.request import Request
from hs_core.http.responses import empty, json_response
from hs_core.matrix.identifiers import RoomId, ServerName, parse_room_id, parse_server_name
from hs_core.plugin.hookspecs import claims_on_alias
from hs_plugins.directory.permission import may_set_aliases
from hs_plugins.directory.role import DirectoryRole
from hs_plugins.directory.values import RoomsQuery

DEFAULT_LIMIT = 100
MAX_LIMIT = 500
MAX_TERM = 255
"""Characters of a search term."""
MAX_ROOM_TYPES = 50


class AliasBody(msgspec.Struct):
    """The body of `PUT /directory/room/{roomAlias}`."""

    room_id: str


class VisibilityBody(msgspec.Struct):
    """The body of `PUT /directory/list/room/{roomId}`."""

    visibility: Literal["public", "private"] = "public"


class FilterBody(msgspec.Struct):
    generic_search_term: Annotated[str, msgspec.Meta(max_length=MAX_TERM)] | None = None
    room_types: Annotated[list[str | None], msgspec.Meta(max_length=MAX_ROOM_TYPES)] | None = None


class PublicRoomsBody(msgspec.Struct):
    """The body of `POST /publicRooms`."""

    limit: int | None = None
    since: str | None = None
    filter: FilterBody | None = None
    include_all_networks: bool = False
    third_party_instance_id: str | None = None


async def put_alias(directory: DirectoryRole, request: Request) -> Response:
    """`PUT /directory/room/{roomAlias}`: for members of the room."""
    alias, body, asker = request.room_alias("alias"), await request.json(AliasBody), request.asker
    room_id = parse_room_id(body.room_id)
    membership = await directory.rooms_read.members.membership(room_id, asker.user_id)
    is_member = membership is not None and membership.membership == "join"
    if not is_member and not asker.is_admin and asker.appservice is None:
        raise Forbidden("Only members of a room can give it an alias")
    await directory.add(alias, room_id, asker.user_id)
    return empty()


async def get_alias(directory: DirectoryRole, request: Request) -> Response:
    """`GET /directory/room/{roomAlias}`."""
    alias = request.room_alias("alias")
    found = await directory.resolve(alias)
    if found is None:
        raise NotFound(f"Room alias {alias} not found")
    return json_response(found)


async def delete_alias(directory: DirectoryRole, request: Request) -> Response:
    """`DELETE /directory/room/{roomAlias}`."""
    asker, alias = request.asker, request.room_alias("alias")
    claims = await directory.hooks.first(claims_on_alias, alias)
    is_theirs = claims is not None and asker.appservice in claims.interested
    if claims is not None and claims.exclusive and not is_theirs and not asker.is_admin:
        raise Exclusive
    # "The homeserver needs to give the application service *full control* over its namespace"
    await directory.remove(alias, asker.user_id, asker.is_admin or is_theirs)
    return empty()


async def get_aliases(directory: DirectoryRole, request: Request) -> Response:
    """`GET /rooms/{roomId}/aliases`: for members, and for all if the room is world-readable."""
    room_id = request.room_id("room_id")
    view = await directory.rooms_read.views.of(request.asker.user_id, room_id)
    if view.until is not None:
        raise Forbidden("You are not in that room")
    return json_response({"aliases": await directory.aliases.of_room(room_id)})


async def get_visibility(directory: DirectoryRole, request: Request) -> Response:
    """`GET /directory/list/room/{roomId}`."""
    room_id = await _known_room(directory, request)
    published = await directory.aliases.is_published(room_id)
    return json_response({"visibility": "public" if published else "private"})


async def put_visibility(directory: DirectoryRole, request: Request) -> Response:
    """`PUT /directory/list/room/{roomId}`: for those who may set the room's aliases, and administrators."""
    body, asker = await request.json(VisibilityBody, allow_empty=True), request.asker
    room_id = await _known_room(directory, request)
    if not asker.is_admin and not await may_set_aliases(directory.rooms_read, room_id, asker.user_id):
        raise Forbidden("You do not have the power to publish this room")
    await directory.publishing.publish(room_id, "", body.visibility == "public")
    return empty()


async def get_public_rooms(directory: DirectoryRole, request: Request) -> Response:
    """`GET /publicRooms`."""
    if request.requester is None and not directory.public_without_auth:
        raise MissingToken
    limit = request.query_int("limit", 0, MAX_LIMIT, DEFAULT_LIMIT)
    query = RoomsQuery(limit=limit or DEFAULT_LIMIT, since=request.query_text("since") or None)
    return await _page(directory, request, query)


async def post_public_rooms(directory: DirectoryRole, request: Request) -> Response:
    """`POST /publicRooms`, with a filter."""
    body = await request.json(PublicRoomsBody, allow_empty=True)
    if body.limit is not None and body.limit < 0:
        raise InvalidParam("`limit` must not be negative")
    if body.include_all_networks and body.third_party_instance_id:
        # "third_party_instance_id: [...] Can only be used if `include_all_networks` is false."
        raise InvalidParam("Either all networks or one of them")
    wanted = body.filter or FilterBody()
    query = RoomsQuery(
        limit=min(body.limit or DEFAULT_LIMIT, MAX_LIMIT),
        since=body.since or None,
        search=wanted.generic_search_term or None,
        room_types=wanted.room_types,
        network=None if body.include_all_networks else body.third_party_instance_id or "",
    )
    return await _page(directory, request, query)


async def _page(directory: DirectoryRole, request: Request, query: RoomsQuery) -> Response:
    server_name = _server(directory, request)
    page: Any = await directory.published(server_name, query)
    return json_response(page)


def _server(directory: DirectoryRole, request: Request) -> ServerName:
    name = request.query_text("server")
    if not name or name == directory.server_name:
        return directory.server_name
    raise MatrixError(502, "M_UNKNOWN", f"The list of {parse_server_name(name)} cannot be fetched")


async def _known_room(directory: DirectoryRole, request: Request) -> RoomId:
    room_id = request.room_id("room_id")
    if room_id not in await directory.rooms_read.members.rooms([room_id]):
        raise NotFound("Room not found")
    return room_id
