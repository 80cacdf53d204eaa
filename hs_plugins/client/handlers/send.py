"""Send events (client-server API, "Sending events to a room", "Redactions")."""

from typing import Any

from starlette.responses import Response

from hs_core.errors import BadJson, InvalidParam, UserSuspended
from hs_core.http.request import Request
from hs_core.http.requester import Requester
from hs_core.http.responses import json_response
from hs_core.matrix.identifiers import DeviceId
from hs_plugins.client.looking import visible_event
from hs_plugins.client.role import ClientApi
from hs_plugins.client.sending import check_transaction
from hs_plugins.delayed_events.api import DELAY_PARAMETER
from hs_plugins.rooms.api import Draft


async def put_message(client: ClientApi, request: Request) -> Response:
    """`PUT /rooms/{roomId}/send/{eventType}/{txnId}`, and the old `POST` without a transaction."""
    content = await request.json_object()
    draft = _draft(request, request.params["event_type"], content)
    return await _send_or_schedule(client, request, draft)


async def put_state(client: ClientApi, request: Request) -> Response:
    """`PUT /rooms/{roomId}/state/{eventType}/{stateKey}`."""
    content = await request.json_object()
    draft = _draft(request, request.params["event_type"], content, state_key=request.params.get("state_key", ""))
    return await _send_or_schedule(client, request, draft)


async def put_redaction(client: ClientApi, request: Request) -> Response:
    """`PUT /rooms/{roomId}/redact/{eventId}/{txnId}`, and the old `POST` without a transaction."""
    body = await request.json_object(allow_empty=True)
    reason = body.get("reason")
    if reason is not None and not isinstance(reason, str):
        raise BadJson("`reason` must be a string")
    content = {} if reason is None else {"reason": reason}
    draft = _draft(request, "m.room.redaction", content, redacts=request.event_id("event_id"))
    return await _send(client, request, draft)


async def _send_or_schedule(client: ClientApi, request: Request, draft: Draft) -> Response:
    """With a delay the event is sent later (MSC4140), and until then it has another kind of ID."""
    delay = request.query_int(DELAY_PARAMETER, 1, 2**53)
    if delay is None:
        return await _send(client, request, draft)
    if request.asker.is_suspended:
        raise UserSuspended
    check_transaction(draft)
    return json_response({"delay_id": await client.delayed_events.schedule(request.room_id("room_id"), draft, delay)})


async def _send(client: ClientApi, request: Request, draft: Draft) -> Response:
    asker, room_id = request.asker, request.room_id("room_id")
    if asker.is_suspended:
        await _check_suspended(client, request, draft)
    sent = await client.send(room_id, draft)
    return json_response({"event_id": sent.event_id})


async def _check_suspended(client: ClientApi, request: Request, draft: Draft) -> None:
    """ "Servers SHOULD permit the user to perform at least the following [...]: Redact their own events." """
    if draft.redacts is None:
        raise UserSuspended
    target = await visible_event(
        client.read, await client.reader(request.asker), request.room_id("room_id"), draft.redacts
    )
    if target.event.sender != draft.sender:
        raise UserSuspended


def _draft(request: Request, event_type: str, content: dict[str, Any], **where: Any) -> Draft:
    asker = request.asker
    return Draft(
        sender=asker.user_id,
        type=event_type,
        content=content,
        device_id=_device(asker),
        txn_id=request.params.get("txn_id"),
        origin_server_ts=_timestamp(request) if asker.appservice else None,
        **where,
    )


def _timestamp(request: Request) -> int | None:
    """ "Attempting to set the timestamp to anything other than what is accepted by `origin_server_ts` should be
    rejected by the server as a bad request."
    """
    ts = request.query_int("ts", 0, 2**53)
    if ts == 2**53:
        raise InvalidParam("The time is beyond what an event can have")
    return ts


def _device(asker: Requester) -> DeviceId | None:
    """Whose transactions they are: an application service has some even without a device."""
    if asker.device_id is None and asker.appservice is not None:
        return DeviceId(f"appservice/{asker.appservice}")
    return asker.device_id
