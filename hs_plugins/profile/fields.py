"""Which fields a profile may have, and what they may say. Pure."""

from __future__ import annotations

import re
from typing import Any, Final

from hs_core.errors import InvalidParam, MatrixError
from hs_core.matrix.canonical_json import encode_json

MAX_KEY: Final = 255
MAX_PROFILE: Final = 64 * 1024
MAX_NAME: Final = 256
MAX_URL: Final = 1000

IN_ROOMS: Final = ("displayname", "avatar_url")
"""What member events repeat."""

_KEY = re.compile(r"[a-z][a-z0-9_-]*(?:\.[a-z0-9_-]+)+")


def check_key(name: str) -> None:
    """ "This MUST be either `avatar_url`, `displayname`, `m.tz`, or a custom field following the Common Namespaced
    Identifier Grammar." Raises MatrixError.
    """
    if len(name.encode()) > MAX_KEY:
        raise MatrixError(400, "M_KEY_TOO_LARGE", f"A field's name may have {MAX_KEY} bytes")
    if name not in IN_ROOMS and not _KEY.fullmatch(name):
        raise InvalidParam(f"{name!r} cannot be the name of a profile field")


def check_value(name: str, value: Any) -> None:
    """Raises InvalidParam.

    NOTSPEC: "For `avatar_url`, the value MUST be an MXC URI string", but clients have always been let set other URLs.
    """
    if name in IN_ROOMS or name == "m.tz":
        limit = MAX_URL if name == "avatar_url" else MAX_NAME
        if not isinstance(value, str):
            raise InvalidParam(f"{name} must be a string")
        if len(value) > limit:
            raise InvalidParam(f"{name} may have {limit} characters")


def changed(fields: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    """The profile with one field set; a name or an avatar that is empty is none. Raises MatrixError."""
    rest = {key: known for key, known in fields.items() if key != name}
    if name in IN_ROOMS and value == "":
        return rest
    result = {**rest, name: value}
    # "the total profile MUST be under 64 KiB"
    if len(encode_json(result)) >= MAX_PROFILE:
        raise MatrixError(400, "M_PROFILE_TOO_LARGE", "The profile would have 64 KiB or more")
    return result


def in_rooms(fields: dict[str, Any]) -> dict[str, Any]:
    """The part that member events repeat."""
    return {name: fields[name] for name in IN_ROOMS if name in fields}
