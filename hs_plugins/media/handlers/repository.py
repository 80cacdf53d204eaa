"""The content repository (client-server API), with the endpoints that it had before media needed a token."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from hs_core.errors import InvalidParam, MissingParam, NotFound, Unrecognized
from hs_core.http.request import Request
from hs_core.http.responses import empty, json_response
from hs_plugins.media.content import file_response
from hs_plugins.media.headers import parse_content_type
from hs_plugins.media.role import MediaRole
from hs_plugins.media.sizes import Method, Wanted
from hs_plugins.media.values import DEFAULT_WAIT_MS, LONGEST_WAIT_MS, Stored, Upload

MAX_FILENAME: Final = 1024
"""Bytes: it has to go into a header, where each may need three."""
MAX_SIDE: Final = 1 << 20
METHODS: Final[dict[str, Method]] = {"crop": "crop", "scale": "scale"}


async def post_upload(role: MediaRole, request: Request) -> Response:
    """`POST /upload`."""
    uri = await role.uploads.add(request.asker, _upload(request))
    return json_response({"content_uri": str(uri)})


async def post_create(role: MediaRole, request: Request) -> Response:
    """`POST /create`: a URI for an upload that comes later."""
    await request.json_object(allow_empty=True)
    uri, expires = await role.uploads.create(request.asker)
    return json_response({"content_uri": str(uri), "unused_expires_at": expires})


async def put_upload(role: MediaRole, request: Request) -> Response:
    """`PUT /upload/{serverName}/{mediaId}`: the upload that comes later."""
    await role.uploads.fill(request.asker, request.params["server_name"], request.params["media_id"], _upload(request))
    return empty()


async def get_config(role: MediaRole, _request: Request) -> Response:
    """`GET /config`."""
    return json_response({"m.upload.size": role.max_upload_size})


async def get_download(role: MediaRole, request: Request) -> Response:
    """`GET /download/{serverName}/{mediaId}`, and with a `fileName` to save it under."""
    stored = await _found(role, request)
    if filename := _filename(request.params.get("file_name")):
        stored = Stored(stored.file_id, stored.content_type, filename)
    return await _content(role, request, stored)


async def get_thumbnail(role: MediaRole, request: Request) -> Response:
    """`GET /thumbnail/{serverName}/{mediaId}`."""
    wanted = _wanted(request)
    by = request.client_ip if request.requester is None else request.requester.user_id
    thumbnail = await role.thumbnails.of(await _found(role, request), wanted, by)
    return await _content(role, request, thumbnail)


async def get_preview(role: MediaRole, request: Request) -> Response:
    """`GET /preview_url`."""
    if role.previews is None:
        raise Unrecognized("This server looks at no pages")
    url = request.query_required("url")
    request.query_int("ts", 0, 2**53 - 1)  # "The server may return a newer version"
    return json_response(await role.previews.of(url, request.asker.user_id))


async def get_frozen_download(role: MediaRole, request: Request) -> Response:
    """`GET /download/...` as it was before media needed a token."""
    _check_freeze(role)
    return await get_download(role, request)


async def get_frozen_thumbnail(role: MediaRole, request: Request) -> Response:
    """`GET /thumbnail/...` as it was before media needed a token."""
    _check_freeze(role)
    return await get_thumbnail(role, request)


def _check_freeze(role: MediaRole) -> None:
    """ "any media uploaded *after* (or *during*) the freeze SHOULD only be accessible through the new, authenticated,
    endpoints": this server has been frozen since before anything was uploaded.
    """
    if not role.config.without_token:
        raise NotFound("Files are no longer served without an access token")


async def _found(role: MediaRole, request: Request) -> Stored:
    wait_ms = request.query_int("timeout_ms", 0, LONGEST_WAIT_MS, DEFAULT_WAIT_MS)
    return await role.finding.find(request.params["server_name"], request.params["media_id"], wait_ms)


async def _content(role: MediaRole, request: Request, stored: Stored) -> Response:
    return file_response(request, stored, await role.open(stored), public=request.requester is None)


def _upload(request: Request) -> Upload:
    """Raises InvalidParam."""
    filename = _filename(request.query_text("filename"))
    announced = min(int(request.header(b"content-length") or 0), request.max_body)
    content_type = parse_content_type(request.header(b"content-type"))
    return Upload(request.stream(), announced, content_type, filename)


def _filename(given: str | None) -> str | None:
    """Raises InvalidParam."""
    if given is not None and len(given.encode()) > MAX_FILENAME:
        raise InvalidParam(f"A file name has at most {MAX_FILENAME} bytes")
    return given or None


def _wanted(request: Request) -> Wanted:
    """Raises MissingParam, InvalidParam."""
    width, height = (request.query_int(side, 1, MAX_SIDE) for side in ("width", "height"))
    if width is None or height is None:
        raise MissingParam("The query parameters width and height are required")
    method = METHODS.get(request.query_text("method", "scale"))
    if method is None:
        raise InvalidParam("The query parameter 'method' must be crop or scale")
    return Wanted(width, height, method, request.query_flag("animated"))
