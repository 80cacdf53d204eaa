"""Hashes of events (server-server API, "Signing Events") and the event IDs made from them (room versions, "Event IDs").

PDUs are JSON objects here, not `Event`s: an event gets its ID by being hashed.
"""

from collections.abc import Mapping
from hashlib import sha256
from hmac import compare_digest
from typing import Any

from hs_core.matrix.canonical_json import encode_canonical
from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.identifiers import EventId, RoomId, parse_event_id
from hs_core.matrix.redaction import redact
from hs_core.matrix.room_version import EventFormat, RoomVersion
from hs_core.matrix.unpadded_base64 import decode_base64, encode_base64, encode_base64_urlsafe

_NOT_HASHED = frozenset({"unsigned", "signatures", "hashes"})


def content_hash(pdu: Mapping[str, Any], room_version: RoomVersion) -> bytes:
    """The hash of the whole event ("Calculating the content hash for an event")."""
    hashed = {key: value for key, value in pdu.items() if key not in _NOT_HASHED}
    return sha256(encode_canonical(hashed, strict=room_version.strict_canonical_json)).digest()


def has_valid_content_hash(pdu: Mapping[str, Any], room_version: RoomVersion) -> bool:
    """Whether the event says the right hash of itself. If not, "it is assumed that this is because we have only been
    given a redacted version of the event", and `redact` must be applied before it is used.
    """
    hashes = pdu.get("hashes")
    claimed = hashes.get("sha256") if isinstance(hashes, dict) else None
    if not isinstance(claimed, str):
        return False
    try:
        return compare_digest(decode_base64(claimed), content_hash(pdu, room_version))
    except ProtocolError:
        return False


def signed_bytes(pdu: Mapping[str, Any], room_version: RoomVersion) -> bytes:
    """What signatures and the reference hash of an event cover: its redacted form in canonical JSON, without
    `signatures` and `unsigned`.
    """
    essential = redact(pdu, room_version)
    essential.pop("signatures", None)
    return encode_canonical(essential, strict=room_version.strict_canonical_json)


def reference_hash(pdu: Mapping[str, Any], room_version: RoomVersion) -> bytes:
    """The hash that stays when an event is redacted ("Calculating the reference hash for an event")."""
    return sha256(signed_bytes(pdu, room_version)).digest()


def event_id_of(pdu: Mapping[str, Any], room_version: RoomVersion) -> EventId:
    """The ID of an event: the one in it in room versions 1 and 2, then one made from its reference hash.

    Raises:
        ProtocolError: if it should be in the event and is not, or the event has no canonical form.
    """
    if room_version.event_format is EventFormat.ID_IN_EVENT:
        return parse_event_id(pdu.get("event_id"))
    return event_id_from_hash(reference_hash(pdu, room_version), room_version)


def event_id_from_hash(digest: bytes, room_version: RoomVersion) -> EventId:
    """The event ID that a reference hash stands for, in room versions since 3."""
    assert room_version.event_format is not EventFormat.ID_IN_EVENT
    if room_version.event_format is EventFormat.REFERENCE_HASH:
        return EventId("$" + encode_base64(digest))
    return EventId("$" + encode_base64_urlsafe(digest))


def room_id_from_create_event(event_id: EventId) -> RoomId:
    """Since room version 12, "room IDs are simply the event ID of the `m.room.create` event using `!` as the sigil"."""
    return RoomId("!" + event_id[1:])


def create_event_id(room_id: RoomId) -> EventId:
    """The inverse of `room_id_from_create_event`."""
    return EventId("$" + room_id[1:])
