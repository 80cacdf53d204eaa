"""Making an event of our own: from what a user wants to say to a hashed, signed and named `Event`.

Server-server API, "Adding hashes and signatures to outgoing events". Every message that is sent here passes once.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from hs_core.matrix.canonical_json import MAX_INTEGER
from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.event import Event
from hs_core.matrix.hashing import content_hash, event_id_from_hash, signed_bytes
from hs_core.matrix.identifiers import EventId, RoomId, UserId, server_name_of
from hs_core.matrix.pdu import (
    MAX_AUTH_EVENTS,
    MAX_INT64,
    MAX_PREV_EVENTS,
    check_key_sizes,
    check_size,
    event_from_trusted_json,
)
from hs_core.matrix.room_version import EventFormat, RoomVersion
from hs_core.matrix.signing import SigningKey
from hs_core.matrix.unpadded_base64 import encode_base64


class EventDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to say, before it has a place in the room's history."""

    room_id: RoomId | None
    """`None` for the create event of a room whose ID is made from it."""
    sender: UserId
    type: str
    content: Mapping[str, Any]
    state_key: str | None = None
    redacts: EventId | None = None
    """The event that an `m.room.redaction` redacts; it is put where the room version wants it."""


class LegacyNames(msgspec.Struct, frozen=True):
    """What only events of room versions 1 and 2 need: a name of their own, and proof of what they refer to."""

    event_id: EventId
    reference_hashes: Mapping[EventId, bytes]
    """The reference hash of every event in `prev_events` and `auth_events`."""


def build_event(
    draft: EventDraft,
    room_version: RoomVersion,
    *,
    depth: int,
    prev_events: Sequence[EventId],
    auth_events: Sequence[EventId],
    origin_server_ts: int,
    signing_keys: Sequence[SigningKey],
    legacy_names: LegacyNames | None = None,
) -> Event:
    """The event of a draft, signed with every one of `signing_keys` for the server of its sender.

    `depth` is "the maximum depth of the `prev_events`, plus one"; it is kept within the room version's limit.
    `legacy_names` is for room versions 1 and 2 alone. The content becomes part of the event and must not change.

    Raises:
        ProtocolError: `M_TOO_LARGE` if the event or one of its keys is larger than allowed; `M_BAD_JSON` if the content
            has no canonical form in this room version.
    """
    check_key_sizes(draft.type, draft.state_key)
    pdu = _unsigned_pdu(draft, room_version)
    # "If the room's depth is already at the limit, the depth must be set to the limit."
    pdu["depth"] = min(depth, MAX_INTEGER if room_version.strict_canonical_json else MAX_INT64)
    pdu["origin_server_ts"] = origin_server_ts
    if len(prev_events) > MAX_PREV_EVENTS or len(auth_events) > MAX_AUTH_EVENTS:
        raise ProtocolError("too many `prev_events` or `auth_events`")
    if room_version.event_format is EventFormat.ID_IN_EVENT:
        assert legacy_names is not None
        pdu["event_id"] = legacy_names.event_id
        pdu["prev_events"] = _references(prev_events, legacy_names.reference_hashes)
        pdu["auth_events"] = _references(auth_events, legacy_names.reference_hashes)
    else:
        pdu["prev_events"] = list(prev_events)
        pdu["auth_events"] = list(auth_events)
    event_id = _hash_and_sign(pdu, room_version, signing_keys)
    check_size(pdu, room_version)
    return event_from_trusted_json(pdu, room_version, event_id)


def _unsigned_pdu(draft: EventDraft, room_version: RoomVersion) -> dict[str, Any]:
    pdu: dict[str, Any] = {"type": draft.type, "sender": draft.sender, "content": draft.content}
    if draft.room_id is not None:
        pdu["room_id"] = draft.room_id
    if draft.state_key is not None:
        pdu["state_key"] = draft.state_key
    if draft.redacts is not None:
        if room_version.redacts_in_content:
            pdu["content"] = {**draft.content, "redacts": draft.redacts}
        else:
            pdu["redacts"] = draft.redacts
    return pdu


def _references(event_ids: Sequence[EventId], hashes: Mapping[EventId, bytes]) -> list[list[Any]]:
    return [[event_id, {"sha256": encode_base64(hashes[event_id])}] for event_id in event_ids]


def _hash_and_sign(pdu: dict[str, Any], room_version: RoomVersion, keys: Sequence[SigningKey]) -> EventId:
    """Complete a PDU in place. The signatures and the event ID are of the same bytes, which are written once."""
    pdu["hashes"] = {"sha256": encode_base64(content_hash(pdu, room_version))}
    essential = signed_bytes(pdu, room_version)
    server_name = server_name_of(pdu["sender"])
    pdu["signatures"] = {server_name: {key.key_id: encode_base64(key.sign(essential)) for key in keys}}
    if room_version.event_format is EventFormat.ID_IN_EVENT:
        return EventId(pdu["event_id"])
    return event_id_from_hash(sha256(essential).digest(), room_version)
