"""`/devices` and `/delete_devices` (client-server API, "Device Management")."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from starlette.responses import Response

from hs_core.errors import NotFound
from hs_core.http.request import Request
from hs_core.http.responses import empty, json_response
from hs_core.matrix.identifiers import DeviceId, parse_device_id
from hs_plugins.login.handlers.bodies import device_name
from hs_plugins.login.proof import prove_identity
from hs_plugins.login.role import LoginRole
from hs_plugins.login.values import Device

MAX_DELETED = 1000
"""Devices of one request."""


class DeviceBody(msgspec.Struct):
    display_name: str | None = None


class DeleteDevicesBody(msgspec.Struct):
    devices: Annotated[list[str], msgspec.Meta(max_length=MAX_DELETED)]


async def get_devices(role: LoginRole, request: Request) -> Response:
    devices = await role.users.devices(request.asker.user_id)
    return json_response({"devices": [_shown(device) for device in devices]})


async def get_device(role: LoginRole, request: Request) -> Response:
    device = await role.users.device(request.asker.user_id, _device_id(request))
    if device is None:
        raise NotFound("There is no such device")
    return json_response(_shown(device))


async def put_device(role: LoginRole, request: Request) -> Response:
    """ "The ability to create new devices is only available to application services" """
    body = await request.json(DeviceBody, allow_empty=True)
    asker = request.asker
    created = await role.accounts.put_device(
        asker.user_id, _device_id(request), device_name(body.display_name), asker.appservice is not None
    )
    return json_response({}, 201) if created else empty()


async def delete_device(role: LoginRole, request: Request) -> Response:
    device = _device_id(request)
    await prove_identity(role.interactive, request)
    await role.accounts.delete_devices(request.asker.user_id, [device])
    return empty()


async def post_delete_devices(role: LoginRole, request: Request) -> Response:
    body = await request.json(DeleteDevicesBody)
    devices = [parse_device_id(device) for device in body.devices]
    await prove_identity(role.interactive, request)
    await role.accounts.delete_devices(request.asker.user_id, devices)
    return empty()


def _device_id(request: Request) -> DeviceId:
    """What cannot be a device ID is not the ID of any device."""
    try:
        return parse_device_id(request.params["device_id"])
    except ValueError:
        raise NotFound("There is no such device") from None


def _shown(device: Device) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(device).items() if value is not None}
