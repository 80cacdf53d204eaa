"""`/pushers` (client-server API, "Push Notifications")."""

from __future__ import annotations

from starlette.responses import Response

from hs_core.errors import BadJson
from hs_core.http.request import Request
from hs_core.http.responses import empty, json_response
from hs_plugins.pusher.api import PUSHERS
from hs_plugins.pusher.service import PusherRole
from hs_plugins.pusher.settings import key_from, settings_from


async def get_pushers(role: PusherRole, request: Request) -> Response:
    """The pushers of the user, whichever device has set them."""
    return json_response({"pushers": [pusher.to_json() for pusher in await role.of(request.asker.user_id)]})


async def post_set(role: PusherRole, request: Request) -> Response:
    """ "This endpoint allows the creation, modification and deletion of pushers for this user ID." """
    body, asker = await request.json_object(canonical=False), request.asker
    app_id, pushkey = key_from(body)
    if body["kind"] is None:
        await role.services[PUSHERS].remove(asker.user_id, app_id, pushkey)
        return empty()
    append = body.get("append", False)
    if not isinstance(append, bool):
        raise BadJson("append must be a boolean")
    # Who believes any certificate gains nothing from there being one.
    settings = settings_from(body, role.outbound.check, plain_http=not role.outbound_settings.verify_tls)
    await role.services[PUSHERS].set(asker.user_id, asker.device_id, settings, append)
    return empty()
