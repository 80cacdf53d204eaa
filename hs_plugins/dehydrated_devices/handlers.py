"""`/dehydrated_device` (MSC3814: "Dehydrating a device", "Rehydrating a device", "Deleting a dehydrated device")."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
import orjson
from starlette.responses import Response

from hs_core.errors import Forbidden, InvalidParam, NotFound
from hs_core.http.request import Request
from hs_core.http.responses import json_response
from hs_core.matrix.identifiers import DeviceId
from hs_plugins.dehydrated_devices.role import DehydratedDevices
from hs_plugins.dehydrated_devices.upload import parse_upload

MAX_EVENTS: Final = 100
"""Of one response."""
MAX_TOKEN: Final = 18
"""Digits."""


class EventsBody(msgspec.Struct):
    next_batch: Annotated[str, msgspec.Meta(max_length=MAX_TOKEN)] | None = None


async def put_device(role: DehydratedDevices, request: Request) -> Response:
    """Upload a device in the place of the one before."""
    user = request.asker.user_id
    upload = parse_upload(await request.json_object(), user)
    await role.replace(user, upload)
    return json_response({"device_id": upload.device_id})


async def get_device(role: DehydratedDevices, request: Request) -> Response:
    device, data = await _current(role, request)
    return json_response({"device_id": device, "device_data": orjson.Fragment(data)})


async def delete_device(role: DehydratedDevices, request: Request) -> Response:
    device, _ = await _current(role, request)
    await role.delete(request.asker.user_id, device)
    return json_response({"device_id": device})


async def post_events(role: DehydratedDevices, request: Request) -> Response:
    """A batch of what was sent to the device. Nothing is deleted, so that another client can begin again; the batch
    after the last one is empty.
    """
    body, user = await request.json(EventsBody, allow_empty=True), request.asker.user_id
    current = await role.current(user)
    if current is None or current[0] != request.params["device_id"]:
        raise Forbidden("That is not your dehydrated device")
    after = _position(body.next_batch)
    waiting = await role.messages(user, current[0], after, MAX_EVENTS)
    events = [{"type": each.type, "sender": each.sender, "content": orjson.Fragment(each.content)} for each in waiting]
    return json_response({"events": events, "next_batch": str(waiting[-1].position if waiting else after)})


async def _current(role: DehydratedDevices, request: Request) -> tuple[DeviceId, bytes]:
    """Raises NotFound."""
    current = await role.current(request.asker.user_id)
    if current is None:
        raise NotFound("There is no dehydrated device")
    return current


def _position(token: str | None) -> int:
    """Raises InvalidParam for what is no token of ours."""
    if token is None:
        return 0
    if not (token.isascii() and token.isdigit()):
        raise InvalidParam("next_batch is not a token of this endpoint")
    return int(token)
