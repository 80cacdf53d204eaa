"""What keys may be. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final

import orjson

from hs_core.errors import BadJson, InvalidParam, MatrixError, TooLarge
from hs_core.matrix.canonical_json import encode_canonical
from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.identifiers import DeviceId, KeyId, ServerName, UserId
from hs_core.matrix.signing import BadSignature, VerifyKey, verify_json
from hs_plugins.keys.values import UploadedKey

MAX_OBJECT: Final = 64 * 1024
"""Bytes of the keys of a device, or of a cross-signing key."""
MAX_KEY: Final = 4 * 1024
"""Bytes of a one-time key, with its signatures."""
MAX_NAME: Final = 255


class InvalidSignature(MatrixError):
    """400 `M_INVALID_SIGNATURE`."""

    def __init__(self, message: str) -> None:
        super().__init__(400, "M_INVALID_SIGNATURE", message)


def checked_device_keys(value: object, user: UserId, device: DeviceId) -> bytes:
    """The identity keys of a device, as they are stored. Raises BadJson, InvalidParam, TooLarge."""
    keys = an_object(value, "device_keys")
    if "user_id" in keys and "device_id" in keys and (keys["user_id"], keys["device_id"]) != (user, device):
        raise InvalidParam("The keys are those of another user or device")
    shape = {"user_id": str, "device_id": str, "algorithms": list, "keys": dict, "signatures": dict}
    for name, kind in shape.items():
        if not isinstance(keys.get(name), kind):
            raise BadJson(f"device_keys must have {name}")
    _check_texts("algorithms", keys["algorithms"])
    _check_texts("keys", keys["keys"].values())
    _check_signatures(keys)
    return _written({name: each for name, each in keys.items() if name != "unsigned"})


def checked_uploaded_keys(value: object, name: str, *, one_each: bool = False) -> list[UploadedKey]:
    """One-time or fallback keys; with `one_each` "at most one key per algorithm". Raises BadJson, InvalidParam."""
    keys = [_uploaded(full_id, key) for full_id, key in an_object(value, name).items()]
    if one_each and len({key.algorithm for key in keys}) < len(keys):
        raise InvalidParam("There can be only one fallback key of each algorithm")
    return keys


def same_key(old: bytes, new: bytes) -> bool:
    """Whether they are the same but for their signatures, which differ each time with some clients."""
    return old == new or _unsigned(old) == _unsigned(new)


def cross_signing_key(value: object, user: UserId, usage: str) -> dict[str, Any]:
    """One cross-signing key, checked but for its signatures. Raises BadJson, InvalidParam, TooLarge."""
    key = an_object(value, f"the {usage} key")
    if key.get("user_id") != user:
        raise InvalidParam(f"The {usage} key must have the user's ID")
    usages, keys = key.get("usage"), key.get("keys")
    if not isinstance(usages, list) or not isinstance(keys, dict):
        raise BadJson(f"The {usage} key must have usage and keys")
    if usage not in usages:
        raise InvalidParam(f"The {usage} key must be for that")
    if len(keys) != 1 or not all(isinstance(each, str) for each in keys.values()):
        raise InvalidParam(f"The {usage} key must be one key")
    verify_key(key)
    if "signatures" in key:
        _check_signatures(key)
    _written(key)
    return key


def public_key(key: dict[str, Any]) -> str:
    """The public key of a checked cross-signing key, which names it, too."""
    ((full_id, _),) = key["keys"].items()
    return str(full_id).partition(":")[2]


def verify_key(key: dict[str, Any]) -> tuple[KeyId, VerifyKey]:
    """What a cross-signing key signs with. Raises InvalidParam if it is no Ed25519 key."""
    ((full_id, text),) = key["keys"].items()
    try:
        if not full_id.startswith("ed25519:"):
            raise InvalidParam("A cross-signing key must be an Ed25519 key")
        return KeyId(full_id), VerifyKey.from_base64(text)
    except ProtocolError:
        raise InvalidParam("A cross-signing key is not base64 of 32 bytes") from None


def check_signed(value: dict[str, Any], user: UserId, keys: dict[KeyId, VerifyKey]) -> None:
    """Raises InvalidSignature unless the user signed the object with one of the keys."""
    try:
        verify_json(value, ServerName(user), keys)
    except BadSignature as error:
        raise InvalidSignature(str(error)) from None


def without_signatures(value: dict[str, Any]) -> dict[str, Any]:
    """What is signed."""
    return {name: each for name, each in value.items() if name not in {"signatures", "unsigned"}}


def an_object(value: object, name: str) -> dict[str, Any]:
    """Raises BadJson."""
    if not isinstance(value, dict):
        raise BadJson(f"{name} must be an object")
    return value


def _uploaded(full_id: str, key: object) -> UploadedKey:
    algorithm, colon, key_id = full_id.partition(":")
    if not (algorithm and colon and key_id) or len(full_id.encode()) > MAX_NAME or "\0" in full_id:
        raise InvalidParam("The name of a key must be <algorithm>:<key_id>")
    if isinstance(key, dict):
        if not isinstance(key.get("key"), str):
            raise BadJson(f"{full_id} must have key")
        if "signatures" not in key:
            raise BadJson(f"{full_id} must have signatures")
        _check_signatures(key)
    elif not isinstance(key, str):
        raise BadJson(f"{full_id} must be a key")
    written = encode_canonical(key)
    if len(written) > MAX_KEY:
        raise TooLarge(f"A one-time key may have {MAX_KEY} bytes")
    return UploadedKey(algorithm, key_id, written)


def _unsigned(key: bytes) -> object:
    value = orjson.loads(key)
    return without_signatures(value) if isinstance(value, dict) else value


def _written(value: dict[str, Any]) -> bytes:
    written = encode_canonical(value)
    if len(written) > MAX_OBJECT:
        raise TooLarge(f"Keys may have {MAX_OBJECT} bytes")
    return written


def _check_texts(name: str, values: Collection[object] | Iterator[object]) -> None:
    if not all(isinstance(value, str) for value in values):
        raise BadJson(f"{name} must be strings")


def _check_signatures(value: dict[str, Any]) -> None:
    signatures = an_object(value["signatures"], "signatures")
    for of_user in signatures.values():
        _check_texts("signatures", an_object(of_user, "signatures").values())
