"""`PUT /sendToDevice/{eventType}/{txnId}`."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any, Final

import orjson
from starlette.responses import Response

from hs_core.errors import BadJson, InvalidParam, MissingParam, TooLarge
from hs_core.http.request import Request
from hs_core.http.responses import empty
from hs_core.matrix.canonical_json import encode_canonical
from hs_core.matrix.identifiers import UserId, parse_device_id, parse_user_id, server_name_of
from hs_plugins.to_device.api import EVERY_DEVICE, Delivery
from hs_plugins.to_device.service import ToDeviceRole

MAX_NAME: Final = 255
"""Bytes of an event type, or of a transaction ID."""
MAX_CONTENT: Final = 65_536
"""Bytes of one message, as of an event."""
MAX_USERS: Final = 1_000
MAX_DEVICES: Final = 5_000
"""Of one request, all users together."""


async def put_message(role: ToDeviceRole, request: Request) -> Response:
    """Leave messages for devices of local users. What is for others goes nowhere."""
    type_, txn_id = request.params["type"], request.params["txn_id"]
    if max(len(type_.encode()), len(txn_id.encode())) > MAX_NAME:
        raise InvalidParam(f"Event types and transaction IDs may have {MAX_NAME} bytes")
    asker = request.asker
    messages = _messages(await request.json_object(canonical=False))
    transaction = hashlib.sha256(orjson.dumps([asker.user_id, asker.device_id, type_, txn_id])).digest()
    deliveries = [
        role.calls.deliver(user, Delivery(sender=asker.user_id, type=type_, transaction=transaction, messages=of_user))
        for user, of_user in messages.items()
        if of_user and server_name_of(user) == role.server_name
    ]
    await asyncio.gather(*deliveries)
    return empty()


def _messages(body: dict[str, Any]) -> dict[UserId, dict[str, bytes]]:
    """By user and device. Raises MissingParam, BadJson, InvalidParam, TooLarge."""
    if "messages" not in body:
        raise MissingParam("messages is missing")
    messages = _object(body["messages"])
    if len(messages) > MAX_USERS or sum(len(_object(devices)) for devices in messages.values()) > MAX_DEVICES:
        raise TooLarge(f"A request may be for {MAX_USERS} users and {MAX_DEVICES} devices")
    return {
        parse_user_id(user): {_device(device): _content(content) for device, content in devices.items()}
        for user, devices in messages.items()
    }


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadJson("messages maps users to devices to objects")
    return value


def _device(device: str) -> str:
    return device if device == EVERY_DEVICE else parse_device_id(device)


def _content(value: object) -> bytes:
    written = encode_canonical(_object(value), strict=False)
    if len(written) > MAX_CONTENT:
        raise TooLarge(f"A message may have {MAX_CONTENT} bytes")
    return written
