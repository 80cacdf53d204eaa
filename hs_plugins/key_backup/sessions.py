"""What backups hold, and which of two copies of a key is the better one. Pure."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import orjson

from hs_core.errors import BadJson, InvalidParam, TooLarge
from hs_core.matrix.canonical_json import encode_canonical

MAX_NAME: Final = 255
"""Bytes of a room ID, or of a session ID."""
MAX_DATA: Final = 16 * 1024
"""Bytes of the encrypted data of one session."""
MAX_NUMBER: Final = 2**53 - 1


class Name(NamedTuple):
    """Which session it is."""

    room_id: str
    session_id: str


class Copy(NamedTuple):
    """`KeyBackupData` of the client-server API."""

    first_message_index: int
    forwarded_count: int
    is_verified: bool
    session_data: bytes
    """JSON."""

    @property
    def rank(self) -> tuple[bool, int, int]:
        """The lesser, the better.

        "It will keep the key that has `is_verified` set to `true`", then "the key with a lower `first_message_index`",
        "and finally [...] the key with a lower `forwarded_count`".
        """
        return not self.is_verified, self.first_message_index, self.forwarded_count

    def to_json(self) -> dict[str, Any]:
        return {**self._asdict(), "session_data": orjson.Fragment(self.session_data)}


def rooms_in(body: dict[str, Any]) -> dict[Name, Copy]:
    """The sessions of a body of `PUT /room_keys/keys`. Raises BadJson, InvalidParam, TooLarge."""
    found: dict[Name, Copy] = {}
    for room_id, room in _object(body, "rooms").items():
        found |= sessions_in(room_id, room)
    return found


def sessions_in(room_id: str, body: object) -> dict[Name, Copy]:
    """Those of one room. Raises as `rooms_in`."""
    return {name_of(room_id, each): copy_of(value) for each, value in _object(body, "sessions").items()}


def name_of(room_id: str, session_id: str) -> Name:
    """Raises InvalidParam."""
    if not all(0 < len(text.encode()) <= MAX_NAME and "\0" not in text for text in (room_id, session_id)):
        raise InvalidParam(f"Room IDs and session IDs have from 1 to {MAX_NAME} bytes")
    return Name(room_id, session_id)


def copy_of(value: object) -> Copy:
    """Raises BadJson, TooLarge."""
    if not isinstance(value, dict) or not isinstance(value.get("is_verified"), bool) or "session_data" not in value:
        raise BadJson("A session must have is_verified and session_data")
    first, forwarded = value.get("first_message_index"), value.get("forwarded_count")
    if not _is_count(first) or not _is_count(forwarded):
        raise BadJson("first_message_index and forwarded_count must be whole numbers")
    data = encode_canonical(value["session_data"], strict=False)
    if len(data) > MAX_DATA:
        raise TooLarge(f"The data of a session may have {MAX_DATA} bytes")
    return Copy(value["first_message_index"], value["forwarded_count"], value["is_verified"], data)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_NUMBER


def _object(value: object, key: str) -> dict[str, Any]:
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, dict):
        raise BadJson(f"{key} must be an object")
    return found
