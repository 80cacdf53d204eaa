"""`POST /user_directory/search` (client-server API, "User directory")."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.responses import Response

from hs_core.errors import InvalidParam
from hs_core.http.request import Request
from hs_core.http.responses import json_response
from hs_plugins.user_directory.role import UserDirectoryRole
from hs_plugins.user_directory.searching import Found
from hs_plugins.user_directory.terms import languages_of

DEFAULT_LIMIT: Final = 10
MAX_LIMIT: Final = 50


class SearchBody(msgspec.Struct):
    """The body of the request."""

    search_term: str
    limit: int | None = None


async def post_search(directory: UserDirectoryRole, request: Request) -> Response:
    body, asker = await request.json(SearchBody), request.asker
    if body.limit is not None and body.limit < 0:
        raise InvalidParam("`limit` must not be negative")
    limit = min(DEFAULT_LIMIT if body.limit is None else body.limit, MAX_LIMIT)
    languages = languages_of(request.header(b"accept-language"))
    found = await directory.find(asker.user_id, body.search_term, languages)
    return json_response({"results": [_as_json(each) for each in found[:limit]], "limited": len(found) > limit})


def _as_json(found: Found) -> dict[str, str]:
    shown: dict[str, str] = {"user_id": found.user_id}
    if found.display_name is not None:
        shown["display_name"] = found.display_name
    # "The avatar url, as an mxc:// URI": profiles may say what is none.
    if found.avatar_url is not None and found.avatar_url.startswith("mxc://"):
        shown["avatar_url"] = found.avatar_url
    return shown
