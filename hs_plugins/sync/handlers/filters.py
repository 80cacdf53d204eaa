"""Define filters and read them back (client-server API, "Filtering")."""

from starlette.responses import Response

from hs_core.errors import Forbidden
from hs_core.http.request import Request
from hs_core.http.responses import json_response
from hs_core.matrix.identifiers import UserId
from hs_plugins.sync.service import Syncing


async def post_filter(syncing: Syncing, request: Request) -> Response:
    """`POST /user/{userId}/filter`."""
    filter_id = await syncing.filters.define(_own(request), await request.json_object(canonical=False))
    return json_response({"filter_id": filter_id})


async def get_filter(syncing: Syncing, request: Request) -> Response:
    """`GET /user/{userId}/filter/{filterId}`."""
    return json_response(await syncing.filters.definition(_own(request), request.params["filter_id"]))


def _own(request: Request) -> UserId:
    """ "The access token must be authorised to make requests for this user id." """
    user_id = request.user_id("user_id")
    if user_id != request.asker.user_id:
        raise Forbidden("These are another user's filters")
    return user_id
