"""Send events (client-server API, "Sending events to a room", "Redactions")."""

from typing import Any

from starlette.responses import Response

from hs_core.errors import BadJson
from hs_core.http.request import Request
from hs_core.http.responses import json_response
from hs_core.matrix.identifiers import EventId
from hs_plugins.client.role import ClientApi
from hs_plugins.rooms.api import Draft


async def put_message(client: ClientApi, request: Request) -> Response:
    """`PUT /rooms/{roomId}/send/{eventType}/{txnId}`: the transaction makes a repetition harmless."""
    return await _send(client, request, request.params["event_type"], None, await request.json_object())


async def post_message(client: ClientApi, request: Request) -> Response:
    """`POST /rooms/{roomId}/send/{eventType}`, of clients from before there were transactions."""
    return await _send(client, request, request.params["event_type"], None, await request.json_object())


async def put_state(client: ClientApi, request: Request) -> Response:
    """`PUT /rooms/{roomId}/state/{eventType}/{stateKey}`."""
    content = await request.json_object()
    return await _send(client, request, request.params["event_type"], request.params.get("state_key", ""), content)


async def put_redaction(client: ClientApi, request: Request) -> Response:
    """`PUT /rooms/{roomId}/redact/{eventId}/{txnId}`, and the old `POST` without a transaction."""
    body = await request.json_object(allow_empty=True)
    reason = body.get("reason")
    if reason is not None and not isinstance(reason, str):
        raise BadJson("`reason` must be a string")
    content = {} if reason is None else {"reason": reason}
    return await _send(client, request, "m.room.redaction", None, content, redacts=request.event_id("event_id"))


async def _send(
    client: ClientApi,
    request: Request,
    event_type: str,
    state_key: str | None,
    content: dict[str, Any],
    *,
    redacts: EventId | None = None,
) -> Response:
    asker = request.asker
    txn_id = request.params.get("txn_id")
    sent = await client.rooms.send(
        request.room_id("room_id"),
        Draft(
            sender=asker.user_id,
            type=event_type,
            state_key=state_key,
            content=content,
            redacts=redacts,
            device_id=asker.device_id,
            # "The scope of a transaction ID is [...] a single HTTP endpoint."
            txn_id=None if txn_id is None else f"{'redact' if redacts else 'send'}/{txn_id}",
            origin_server_ts=request.query_int("ts", 0, 2**53 - 1) if asker.appservice else None,
        ),
    )
    return json_response({"event_id": sent.event_id})
