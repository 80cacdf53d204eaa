"""`GET /sync` (client-server API, "Syncing")."""

from typing import Final

from starlette.responses import Response

from hs_core.errors import InvalidParam
from hs_core.http.request import Request
from hs_core.http.responses import json_response
from hs_core.plugin.hookspecs import client_syncs
from hs_core.streams.token import parse_token
from hs_plugins.sync.service import Syncing
from hs_plugins.sync.wanted import Wanted

MAX_TIMEOUT: Final = 5 * 60 * 1000
"""Milliseconds that a client may wait at most."""

_PRESENCE: Final = {"online", "offline", "unavailable"}


async def get_sync(syncing: Syncing, request: Request) -> Response:
    """What is new since the client's last sync, or everything."""
    asker = request.asker
    presence = request.query_text("set_presence", "online")
    if presence not in _PRESENCE:
        raise InvalidParam("set_presence must be online, offline or unavailable")
    since = request.query_text("since")
    wanted = Wanted(
        user_id=asker.user_id,
        device_id=asker.device_id,
        filter=await syncing.filters.of_request(asker.user_id, request.query_text("filter")),
        since=parse_token(since) if since else None,
        full_state=request.query_flag("full_state"),
        state_after=request.query_flag("use_state_after"),
        timeout=request.query_int("timeout", 0, MAX_TIMEOUT, 0) / 1000,
    )
    await syncing.hooks.notify(client_syncs, wanted.user_id, wanted.device_id, presence, round(wanted.timeout * 1000))
    return json_response(await syncing.sync(wanted))
