"""Signatures of events (server-server API, "Signing Events"): who must have signed, with which keys, and over what."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from hs_core.matrix.event import Event
from hs_core.matrix.hashing import content_hash, signed_bytes
from hs_core.matrix.identifiers import KeyId, ServerName, parse_user_id, server_name_of
from hs_core.matrix.room_version import EventFormat, RoomVersion
from hs_core.matrix.signing import (
    SigningKey,
    VerifyKey,
    add_signature,
    check_signatures,
    signatures_of,
)
from hs_core.matrix.unpadded_base64 import encode_base64

LONGEST_KEY_VALIDITY: Final = 7 * 24 * 60 * 60 * 1000
"""Milliseconds from now for which a key may be trusted, whatever it says ("Signing key validity period")."""


class ServerKey(msgspec.Struct, frozen=True):
    """A key that a server published, and until when it may have signed events.

    Exactly one of the times is set: `valid_until_ts` for one of its `verify_keys`, `expired_ts` for one of its
    `old_verify_keys`. Milliseconds since the epoch.
    """

    verify_key: VerifyKey
    valid_until_ts: int | None = None
    expired_ts: int | None = None

    def may_have_signed(self, origin_server_ts: int, room_version: RoomVersion) -> bool:
        """Whether an event of that time can be signed with this key."""
        # "Any keys that are known to have expired prior to the event's `origin_server_ts` are ignored."
        if self.expired_ts is not None:
            return origin_server_ts <= self.expired_ts
        # "Servers MUST enforce the `valid_until_ts` property from a key request is at least as large as the
        # `origin_server_ts` for the event being validated." (since room version 5)
        if not room_version.enforces_key_validity:
            return True
        return self.valid_until_ts is not None and origin_server_ts <= self.valid_until_ts


def bounded_validity(valid_until_ts: int, now: int) -> int:
    """Until when to trust a key: "the lesser of `valid_until_ts` and 7 days into the future"."""
    return min(valid_until_ts, now + LONGEST_KEY_VALIDITY)


def hash_and_sign_event(
    pdu: Mapping[str, Any], room_version: RoomVersion, server_name: ServerName, key: SigningKey
) -> dict[str, Any]:
    """A copy of a new event with its content hash and a signature ("Adding hashes and signatures to outgoing events").

    Raises:
        ProtocolError: `M_BAD_JSON`, if it has no canonical form.
    """
    hashed = {**pdu, "hashes": {"sha256": encode_base64(content_hash(pdu, room_version))}}
    return sign_event(hashed, room_version, server_name, key)


def sign_event(
    pdu: Mapping[str, Any], room_version: RoomVersion, server_name: ServerName, key: SigningKey
) -> dict[str, Any]:
    """A copy of an event that has its hash already, with one more signature: to confirm an invite or a restricted join.

    Raises:
        ProtocolError: `M_BAD_JSON`, if it has no canonical form.
    """
    return add_signature(pdu, server_name, key, key.sign(signed_bytes(pdu, room_version)))


def required_signers(event: Event) -> frozenset[ServerName]:
    """The servers that must have signed an event ("Validating hashes and signatures on received events").

    Raises:
        ProtocolError: if the server cannot be told because a user ID or event ID that names it is malformed.
    """
    signers = set()
    # "[...] unless the event is a 3rd party invite, only the signature(s) from the originating server are required."
    if not _is_third_party_invite(event):
        signers.add(server_name_of(event.sender))
    # "Room versions 1 and 2 also require that a signature is present from the domain in the `event_id`."
    if event.room_version.event_format is EventFormat.ID_IN_EVENT:
        signers.add(server_name_of(event.event_id))
    # "If `content` has a `join_authorised_via_users_server` key: if the event is not validly signed by the homeserver
    # of the user ID denoted by the key, reject." (since room version 8)
    if event.room_version.restricted_joins and event.type == "m.room.member":
        authoriser = event.content.get("join_authorised_via_users_server")
        if authoriser is not None:
            signers.add(server_name_of(parse_user_id(authoriser)))
    return frozenset(signers)


def signing_key_ids(event: Event, server_name: ServerName) -> frozenset[KeyId]:
    """The keys with which a server is said to have signed the event: those that its check needs."""
    return frozenset(signatures_of(event.pdu, server_name))


def verify_event_signature(event: Event, server_name: ServerName, keys: Mapping[KeyId, ServerKey]) -> None:
    """Check that a server signed an event, or its redacted form, which is the same. `keys` are those it published.

    "If a signature is from an unknown or expired key, it is skipped"; all others must be right, and there must be one.

    Raises:
        BadSignature: if that is not so.
        ProtocolError: `M_BAD_JSON`, if the event has no canonical form.
    """
    verify_event_signatures(event, {server_name: keys}, [server_name])


def verify_event_signatures(
    event: Event, keys: Mapping[ServerName, Mapping[KeyId, ServerKey]], servers: Iterable[ServerName] | None = None
) -> None:
    """Check the signatures of several servers at once, by default of all that `required_signers` names."""
    message = signed_bytes(event.pdu, event.room_version)
    for server_name in required_signers(event) if servers is None else servers:
        usable = {
            key_id: key.verify_key
            for key_id, key in keys.get(server_name, {}).items()
            if key.may_have_signed(event.origin_server_ts, event.room_version)
        }
        check_signatures(message, signatures_of(event.pdu, server_name), server_name, usable)


def _is_third_party_invite(event: Event) -> bool:
    return (
        event.type == "m.room.member"
        and event.content.get("membership") == "invite"
        and event.content.get("third_party_invite") is not None
    )
