"""`/keys/upload`, `/keys/query`, `/keys/claim` (client-server API, "Key management API")."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from starlette.responses import Response

from hs_core.errors import BadJson, MissingParam, TooLarge, Unknown
from hs_core.http.request import Request
from hs_core.http.responses import json_response
from hs_core.matrix.identifiers import DeviceId, UserId, parse_user_id, server_name_of
from hs_plugins.keys import checks
from hs_plugins.keys.checks import an_object
from hs_plugins.keys.devices import MASTER, SELF_SIGNING, USER_SIGNING
from hs_plugins.keys.role import KeysRole
from hs_plugins.keys.store import identities
from hs_plugins.keys.store.identities import ByTarget
from hs_plugins.login.api import Device

MAX_USERS: Final = 5_000
"""Of one request."""
UNREACHABLE: Final = {"errcode": "M_UNAVAILABLE", "error": "This server does not talk to other servers"}


async def post_upload(role: KeysRole, request: Request) -> Response:
    """Publish keys of the device that asks. Nothing is stored unless all of it is acceptable in itself."""
    body, asker = await request.json_object(), request.asker
    if asker.device_id is None:
        raise Unknown("Keys are those of a device, and this access token is for none")
    one_time = checks.checked_uploaded_keys(_given(body, "one_time_keys"), "one_time_keys")
    fallback = checks.checked_uploaded_keys(_given(body, "fallback_keys"), "fallback_keys", one_each=True)
    if body.get("device_keys") is not None:
        keys = checks.checked_device_keys(body["device_keys"], asker.user_id, asker.device_id)
        await role.device_keys.put_device(asker.user_id, asker.device_id, keys)
    supply = await role.one_time_keys.put(asker.user_id, asker.device_id, one_time, fallback)
    return json_response({"one_time_key_counts": supply.counts})


async def post_claim(role: KeysRole, request: Request) -> Response:
    """Take one key of each device."""
    wanted = _by_user(await request.json_object(canonical=False), "one_time_keys")
    here = [user for user in wanted if server_name_of(user) == role.server_name]
    asked = {user: _algorithms(devices) for user, devices in wanted.items()}
    claims = await asyncio.gather(*(role.one_time_keys.claim(user, asked[user]) for user in here))
    claimed = {
        user: {device: {f"{key.algorithm}:{key.key_id}": orjson.Fragment(key.key)} for device, key in of_user.items()}
        for user, of_user in zip(here, claims, strict=True)
        if of_user
    }
    return json_response({"one_time_keys": claimed, "failures": _failures(role, wanted)})


async def post_query(role: KeysRole, request: Request) -> Response:
    """Show the keys of users."""
    wanted = _by_user(await request.json_object(canonical=False), "device_keys")
    asker = request.asker.user_id
    asked = {user: _devices(devices) for user, devices in wanted.items() if server_name_of(user) == role.server_name}
    existing = await role.users.existing(list(asked)) if asked else set()
    answer = await _shown(role, {user: asked[user] for user in asked if user in existing}, asker)
    return json_response({**answer, "failures": _failures(role, wanted)})


def _given(body: dict[str, Any], name: str) -> object:
    """Clients send `null` for what they leave out."""
    return {} if body.get(name) is None else body[name]


@dataclass(frozen=True)
class Shower:
    """Writes keys with the signatures that somebody may see."""

    signatures: ByTarget

    def device(self, user: UserId, device: Device, keys: bytes) -> dict[str, Any]:
        """The keys of a device, with its name."""
        shown = self._signed(user, device.device_id, orjson.loads(keys))
        shown["unsigned"] = {} if device.display_name is None else {"device_display_name": device.display_name}
        return shown

    def cross_signing(self, user: UserId, key: bytes) -> dict[str, Any]:
        """A cross-signing key."""
        value: dict[str, Any] = orjson.loads(key)
        return self._signed(user, checks.public_key(value), value)

    def _signed(self, user: UserId, target: str, value: dict[str, Any]) -> dict[str, Any]:
        for signer, more in self.signatures.get((user, target), {}).items():
            value.setdefault("signatures", {}).setdefault(signer, {}).update(more)
        return value


async def _shown(role: KeysRole, asked: Mapping[UserId, Collection[str]], asker: UserId) -> dict[str, Any]:
    users = list(asked)
    stored, cross, signatures = await role.db.read(
        lambda tx: (
            identities.devices(tx, users),
            identities.cross_signing(tx, users),
            identities.signatures(tx, users, asker),
        )
    )
    devices, shower = await role.users.devices_of(users), Shower(signatures)
    answer: dict[str, Any] = {"device_keys": {}}
    for user, ids in asked.items():
        keys = stored.get(user, {})
        answer["device_keys"][user] = {
            device.device_id: shower.device(user, device, keys[device.device_id])
            for device in devices.get(user, ())
            if device.device_id in keys and (not ids or device.device_id in ids)
        }
        for usage, key in cross.get(user, {}).items():
            if usage in {MASTER, SELF_SIGNING} or (usage == USER_SIGNING and user == asker):
                answer.setdefault(f"{usage}_keys", {})[user] = shower.cross_signing(user, key)
    return answer


def _by_user(body: dict[str, Any], name: str) -> dict[UserId, Any]:
    """Raises MissingParam, BadJson, InvalidParam, TooLarge."""
    if name not in body:
        raise MissingParam(f"{name} is missing")
    users = an_object(body[name], name)
    if len(users) > MAX_USERS:
        raise TooLarge(f"A request may be for {MAX_USERS} users")
    return {parse_user_id(user): of_user for user, of_user in users.items()}


def _devices(value: object) -> set[str]:
    """Which devices are asked for; "an empty list to indicate all devices". Raises BadJson."""
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise BadJson("device_keys maps users to lists of devices")
    return set(value)


def _algorithms(value: object) -> dict[DeviceId, str]:
    """Raises BadJson."""
    devices = an_object(value, "one_time_keys")
    if not all(isinstance(algorithm, str) for algorithm in devices.values()):
        raise BadJson("one_time_keys maps users to devices to algorithms")
    return {DeviceId(device): algorithm for device, algorithm in devices.items() if "\0" not in device + algorithm}


def _failures(role: KeysRole, users: Collection[UserId]) -> dict[str, Any]:
    servers = {server_name_of(user) for user in users} - {role.server_name}
    return dict.fromkeys(sorted(servers), UNREACHABLE)
