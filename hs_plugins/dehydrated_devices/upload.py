"""What clients upload as a dehydrated device. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hs_core.errors import BadJson, MissingParam, TooLarge
from hs_core.matrix.canonical_json import encode_canonical
from hs_core.matrix.identifiers import DeviceId, UserId, parse_device_id
from hs_plugins.keys.api import UploadedKey, checked_device_keys, checked_uploaded_keys

MAX_DATA: Final = 128 * 1024
"""Bytes of `device_data`: the private keys, encrypted."""
MAX_NAME: Final = 100
"""Characters of a display name, which is shortened if need be, as of other devices."""


@dataclass(frozen=True)
class Upload:
    """A device with everything that others need to write to it."""

    device_id: DeviceId
    data: bytes
    display_name: str | None
    keys: bytes
    one_time_keys: Sequence[UploadedKey]
    fallback_keys: Sequence[UploadedKey]


def parse_upload(body: Mapping[str, Any], user: UserId) -> Upload:
    """The body of `PUT /dehydrated_device`. Raises MissingParam, BadJson, InvalidParam, TooLarge, ProtocolError.

    "the dehydrated device, the public device keys, and one-time keys are all uploaded in the same request", so the
    device keys must be there.
    """
    for name in ("device_id", "device_data", "device_keys"):
        if body.get(name) is None:
            raise MissingParam(f"{name} is missing")
    device = parse_device_id(body["device_id"])
    return Upload(
        device,
        _data(body["device_data"]),
        _display_name(body.get("initial_device_display_name")),
        checked_device_keys(body["device_keys"], user, device),
        checked_uploaded_keys(_given(body, "one_time_keys"), "one_time_keys"),
        checked_uploaded_keys(_given(body, "fallback_keys"), "fallback_keys", one_each=True),
    )


def _given(body: Mapping[str, Any], name: str) -> object:
    """Clients send `null` for what they leave out."""
    return {} if body.get(name) is None else body[name]


def _data(value: object) -> bytes:
    if not isinstance(value, dict) or not isinstance(value.get("algorithm"), str):
        raise BadJson("device_data must be an object with algorithm")
    written = encode_canonical(value, strict=False)
    if len(written) > MAX_DATA:
        raise TooLarge(f"device_data may have {MAX_DATA} bytes")
    return written


def _display_name(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise BadJson("initial_device_display_name must be a string")
    return None if value is None else value.replace("\0", "")[:MAX_NAME]
