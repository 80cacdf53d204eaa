"""`/keys/device_signing/upload` and `/keys/signatures/upload` (client-server API, "Cross-signing")."""

from __future__ import annotations

from typing import Any, Final

import orjson
from starlette.responses import Response

from hs_core.errors import Forbidden, MatrixError, MissingParam, NotFound, TooLarge
from hs_core.http.request import Request
from hs_core.http.responses import empty, json_response
from hs_core.matrix.canonical_json import encode_canonical
from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.identifiers import DeviceId, KeyId, UserId, parse_user_id
from hs_core.matrix.signing import VerifyKey
from hs_plugins.keys import checks
from hs_plugins.keys.checks import InvalidSignature, an_object, without_signatures
from hs_plugins.keys.devices import MASTER, SELF_SIGNING, USER_SIGNING
from hs_plugins.keys.role import KeysRole
from hs_plugins.keys.store import identities
from hs_plugins.keys.values import Signature
from hs_plugins.login.api import prove_identity

USAGES: Final = (MASTER, SELF_SIGNING, USER_SIGNING)
MAX_SIGNED: Final = 1_000
"""Objects of one request."""

VerifyKeys = dict[KeyId, VerifyKey]


async def post_device_signing(role: KeysRole, request: Request) -> Response:
    """Publish cross-signing keys."""
    body, user = await request.json_object(), request.asker.user_id
    keys = {
        usage: checks.cross_signing_key(body[f"{usage}_key"], user, usage)
        for usage in USAGES
        if body.get(f"{usage}_key") is not None
    }
    stored = await _stored(role, user)
    master = keys.get(MASTER) or stored.get(MASTER)
    if master is None:
        raise MissingParam("There is no master signing key")
    for usage in (SELF_SIGNING, USER_SIGNING):
        if usage in keys:
            checks.check_signed(keys[usage], user, dict([checks.verify_key(master)]))
    devices = {device.device_id for device in await role.users.devices(user)}
    if any(checks.public_key(key) in devices for key in keys.values()):
        raise Forbidden("A device has the ID of one of the keys")
    if MASTER in stored and any(not _same(key, stored.get(usage)) for usage, key in keys.items()):
        await prove_identity(role.interactive, request)
    await role.device_keys.put_cross_signing(user, {usage: encode_canonical(key) for usage, key in keys.items()})
    return empty()


async def post_signatures(role: KeysRole, request: Request) -> Response:
    """Publish signatures. Each stands for itself: what is wrong with one is told in `failures`."""
    body, signer = await request.json_object(), request.asker.user_id
    signed = {parse_user_id(user): an_object(targets, "signatures") for user, targets in body.items()}
    if sum(map(len, signed.values())) > MAX_SIGNED:
        raise TooLarge(f"A request may have {MAX_SIGNED} signed objects")
    failures: dict[UserId, dict[str, Any]] = {}
    for user, targets in signed.items():
        signatures: list[Signature] = []
        for target, value in targets.items():
            try:
                signatures += await _checked(role, signer, user, target, an_object(value, "a signed key"))
            except MatrixError as error:
                failures.setdefault(user, {})[target] = error.body()
        if signatures:
            await role.device_keys.sign(user, signer, signatures)
    return json_response({"failures": failures})


async def _checked(role: KeysRole, signer: UserId, user: UserId, target: str, value: dict[str, Any]) -> list[Signature]:
    """The new signatures of one object. Raises NotFound, InvalidSignature."""
    stored, keys = await _own(role, user, target) if signer == user else await _others(role, signer, user, target)
    if without_signatures(stored) != without_signatures(value):
        raise InvalidSignature("That is not what the server has under this ID")
    checks.check_signed(value, signer, keys)
    said = value["signatures"][signer]
    return [Signature(target, key_id, said[key_id]) for key_id in keys if key_id in said]


async def _own(role: KeysRole, user: UserId, target: str) -> tuple[dict[str, Any], VerifyKeys]:
    """One of the user's keys, and what may sign it: a device the master key, the self-signing key devices."""
    cross = await _stored(role, user)
    master = cross.get(MASTER)
    devices = (await role.db.read(lambda tx: identities.devices(tx, [user]))).get(user, {})
    if master is not None and checks.public_key(master) == target:
        return master, {key_id: key for keys in devices.values() for key_id, key in _device_key(keys)}
    device = devices.get(DeviceId(target))
    if device is None:
        raise NotFound("There is no such key")
    if SELF_SIGNING not in cross:
        raise InvalidSignature("There is no self-signing key")
    return orjson.loads(device), dict([checks.verify_key(cross[SELF_SIGNING])])


async def _others(role: KeysRole, signer: UserId, user: UserId, target: str) -> tuple[dict[str, Any], VerifyKeys]:
    """Another user's master key, and the user-signing key that may sign it."""
    master = (await _stored(role, user)).get(MASTER)
    if master is None or checks.public_key(master) != target:
        raise NotFound("There is no such master key")
    user_signing = (await _stored(role, signer)).get(USER_SIGNING)
    if user_signing is None:
        raise InvalidSignature("There is no user-signing key")
    return master, dict([checks.verify_key(user_signing)])


async def _stored(role: KeysRole, user: UserId) -> dict[str, dict[str, Any]]:
    """The user's cross-signing keys by usage."""
    stored = await role.db.read(lambda tx: identities.cross_signing(tx, [user]))
    return {usage: orjson.loads(key) for usage, key in stored.get(user, {}).items()}


def _same(key: dict[str, Any], stored: dict[str, Any] | None) -> bool:
    return stored is not None and without_signatures(key) == without_signatures(stored)


def _device_key(keys: bytes) -> list[tuple[KeyId, VerifyKey]]:
    """What a device signs with; nothing, if it is not a key that the server understands."""
    found = []
    for key_id, text in orjson.loads(keys)["keys"].items():
        if key_id.startswith("ed25519:"):
            try:
                found.append((KeyId(key_id), VerifyKey.from_base64(text)))
            except ProtocolError:
                continue
    return found
