"""What administrators do about files, at the paths that existing tools know."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from hs_core.errors import NotFound
from hs_core.http.request import Request
from hs_core.http.responses import empty, json_response
from hs_plugins.media.role import MediaRole

PAGE: Final = 100
MOST: Final = 1000
FARTHEST: Final = 1_000_000


async def get_of_user(role: MediaRole, request: Request) -> Response:
    """`GET /_synapse/admin/v1/users/{userId}/media`: what a user has uploaded, the newest first."""
    user = request.user_id("user_id")
    first, limit = request.query_int("from", 0, FARTHEST, 0), request.query_int("limit", 1, MOST, PAGE)
    media, total = await role.administration.uploaded_by(user, first, limit)
    answer = {"media": [each.to_admin_json() for each in media], "total": total}
    if len(media) == limit and first + limit < total:
        answer["next_token"] = first + limit
    return json_response(answer)


async def delete_of_user(role: MediaRole, request: Request) -> Response:
    """`DELETE /_synapse/admin/v1/users/{userId}/media`: the oldest of what a user has uploaded."""
    limit = request.query_int("limit", 1, MOST, PAGE)
    deleted = await role.administration.delete_of_user(request.user_id("user_id"), limit)
    return json_response({"deleted_media": deleted, "total": len(deleted)})


async def delete_one(role: MediaRole, request: Request) -> Response:
    """`DELETE /_synapse/admin/v1/media/{serverName}/{mediaId}`."""
    deleted = await role.administration.delete(_media_id(role, request))
    return json_response({"deleted_media": deleted, "total": len(deleted)})


async def post_quarantine(role: MediaRole, request: Request) -> Response:
    """`POST /_synapse/admin/v1/media/quarantine/{serverName}/{mediaId}`: nobody gets the file, but it stays."""
    await role.administration.quarantine(_media_id(role, request), request.asker.user_id)
    return empty()


async def post_release(role: MediaRole, request: Request) -> Response:
    """`POST /_synapse/admin/v1/media/unquarantine/{serverName}/{mediaId}`."""
    await role.administration.quarantine(_media_id(role, request), None)
    return empty()


async def post_quarantine_of_user(role: MediaRole, request: Request) -> Response:
    """`POST /_synapse/admin/v1/user/{userId}/media/quarantine`: all that a user has uploaded so far."""
    count = await role.administration.quarantine_of_user(request.user_id("user_id"), request.asker.user_id)
    return json_response({"num_quarantined": count})


def _media_id(role: MediaRole, request: Request) -> str:
    """Raises NotFound."""
    if request.params["server_name"] != role.finding.server_name:
        raise NotFound("No files of other servers are kept")
    return request.params["media_id"]
