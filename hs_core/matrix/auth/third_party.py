"""Invites to people who had no user ID yet: `m.room.third_party_invite`, and the memberships that follow from it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from hs_core.matrix.auth.state import AuthState
from hs_core.matrix.canonical_json import encode_canonical
from hs_core.matrix.errors import ProtocolError, Rejected
from hs_core.matrix.event import Event, Json
from hs_core.matrix.identifiers import ServerName
from hs_core.matrix.membership import Membership
from hs_core.matrix.room_version import RoomVersion
from hs_core.matrix.signing import VerifyKey, signatures_of
from hs_core.matrix.unpadded_base64 import decode_base64, decode_base64_urlsafe

MOST_KEYS: Final = 16
MOST_SIGNATURES: Final = 16


def check_third_party_invite(event: Event, state: AuthState) -> None:
    """The rules "If type is `m.room.third_party_invite`"."""
    if not state.power_levels.may_invite(event.sender):
        raise Rejected(
            "m.room.third_party_invite: allow if and only if `sender`'s current power level is greater than or equal to"
            " the invite level"
        )


def check_invite_by_third_party(event: Event, target: str, state: AuthState) -> None:
    """The rules "If `content` has a `third_party_invite` property", of an invite."""
    invite = event.content["third_party_invite"]
    if state.membership(target) is Membership.BAN:
        raise Rejected("third_party_invite: if target user is banned, reject")
    signed = invite.get("signed") if isinstance(invite, dict) else None
    if not isinstance(signed, dict):
        raise Rejected("third_party_invite: if `content.third_party_invite` does not have a `signed` property, reject")
    mxid, token = signed.get("mxid"), signed.get("token")
    if not isinstance(mxid, str) or not isinstance(token, str):
        raise Rejected("third_party_invite: if `signed` does not have `mxid` and `token` properties, reject")
    if mxid != target:
        raise Rejected("third_party_invite: if `mxid` does not match `state_key`, reject")
    promise = state.get("m.room.third_party_invite", token)
    if promise is None:
        raise Rejected(
            "third_party_invite: if there is no `m.room.third_party_invite` event in the current room state with"
            " `state_key` matching `token`, reject"
        )
    if event.sender != promise.sender:
        raise Rejected(
            "third_party_invite: if `sender` does not match `sender` of the `m.room.third_party_invite`, reject"
        )
    if not _is_signed(signed, promise.content, event.room_version):
        raise Rejected(
            "third_party_invite: no signature in `signed` matches any public key in the `m.room.third_party_invite`"
            " event"
        )


def _is_signed(signed: Mapping[str, Any], promise: Mapping[str, Json], version: RoomVersion) -> bool:
    """The rule "If any signature in `signed` matches any public key in the `m.room.third_party_invite` event, allow".

    NOTSPEC: with more than 16 different keys or signatures, none matches. The specification knows no limit, but each
    pair costs a verification, and strangers could ask for a million of them in one event.
    """
    signatures = set(_decoded(_signatures(signed)))
    keys = set(_decoded(_public_keys(promise)))
    if len(signatures) > MOST_SIGNATURES or len(keys) > MOST_KEYS:
        return False
    unsigned = {name: value for name, value in signed.items() if name not in {"signatures", "unsigned"}}
    try:
        message = encode_canonical(unsigned, strict=version.strict_canonical_json)
    except ProtocolError:
        return False
    verify_keys = [VerifyKey(key) for key in keys if len(key) == 32]
    return any(key.verifies(signature, message) for key in verify_keys for signature in signatures)


def _signatures(signed: Mapping[str, Any]) -> Iterator[str]:
    signatures = signed.get("signatures")
    for server_name in signatures if isinstance(signatures, dict) else ():
        yield from signatures_of(signed, ServerName(server_name)).values()


def _public_keys(promise: Mapping[str, Json]) -> Iterator[str]:
    """The base64 of "a single public key in the `public_key` property" and "a list of public keys in the `public_keys`
    property".
    """
    many = promise.get("public_keys")
    for holder in (promise, *(many if isinstance(many, list) else ())):
        key = holder.get("public_key") if isinstance(holder, Mapping) else None
        if isinstance(key, str):
            yield key


def _decoded(texts: Iterable[str]) -> Iterator[bytes]:
    """What is base64 among the texts, "using the standard or URL-safe alphabets"."""
    for text in texts:
        decode = decode_base64_urlsafe if "-" in text or "_" in text else decode_base64
        try:
            yield decode(text)
        except ProtocolError:
            continue
