"""The redaction algorithm (specification, each room version's "Redactions"): what is left of a redacted event.

It is also what signatures and reference hashes cover, so that an event keeps its name and proof when it is redacted.
"""

from collections.abc import Mapping
from typing import Any

from hs_core.matrix.room_version import RoomVersion

_KEPT = frozenset(
    {
        "event_id",
        "type",
        "room_id",
        "sender",
        "state_key",
        "content",
        "hashes",
        "signatures",
        "depth",
        "prev_events",
        "auth_events",
        "origin_server_ts",
    }
)
_KEPT_BEFORE_REVISION = _KEPT | {"prev_state", "origin", "membership"}

_POWER_LEVELS = frozenset(
    {"ban", "events", "events_default", "kick", "redact", "state_default", "users", "users_default"}
)


def redact(pdu: Mapping[str, Any], room_version: RoomVersion) -> dict[str, Any]:
    """A copy of an event without everything that the protocol does not need. Never fails, whatever the shape.

    Values that stay are shared with the original. `unsigned` goes; the caller adds `redacted_because` for clients.
    """
    kept = _KEPT if room_version.revised_redaction_rules else _KEPT_BEFORE_REVISION
    redacted = {key: value for key, value in pdu.items() if key in kept}
    content = pdu.get("content")
    redacted["content"] = _redact_content(pdu.get("type"), content, room_version) if isinstance(content, dict) else {}
    return redacted


def _redact_content(event_type: object, content: dict[str, Any], room_version: RoomVersion) -> dict[str, Any]:
    if event_type == "m.room.create" and room_version.revised_redaction_rules:
        return content
    allowed = _allowed_content(event_type, room_version)
    redacted = {key: value for key, value in content.items() if key in allowed} if allowed else {}
    if event_type == "m.room.member" and room_version.revised_redaction_rules:
        # "The `third_party_invite` key of `m.room.member` events is no longer redacted, *but* will only contain the
        # `signed` key after redaction."
        invite = content.get("third_party_invite")
        if isinstance(invite, dict):
            redacted["third_party_invite"] = {"signed": invite["signed"]} if "signed" in invite else {}
    return redacted


def _allowed_content(event_type: object, room_version: RoomVersion) -> frozenset[str]:
    """The keys of the content that redaction keeps, by the type of the event."""
    match event_type:
        case "m.room.member":
            allowed = {"membership"}
            if room_version.redaction_keeps_join_authorised_via:
                allowed.add("join_authorised_via_users_server")
        case "m.room.create":
            allowed = {"creator"}
        case "m.room.join_rules":
            allowed = {"join_rule", "allow"} if room_version.restricted_joins else {"join_rule"}
        case "m.room.power_levels":
            return _POWER_LEVELS | {"invite"} if room_version.revised_redaction_rules else _POWER_LEVELS
        case "m.room.aliases" if room_version.aliases_have_own_auth_rule:
            allowed = {"aliases"}
        case "m.room.history_visibility":
            allowed = {"history_visibility"}
        case "m.room.redaction" if room_version.redacts_in_content:
            allowed = {"redacts"}
        case _:
            return frozenset()
    return frozenset(allowed)
