"""Room versions as data (specification, "Room Versions").

One frozen value per version; each field names a behaviour. Nothing outside this module compares version identifiers.
"""

from dataclasses import dataclass, replace
from enum import Enum

from hs_core.matrix.errors import ProtocolError


class EventFormat(Enum):
    """How events are named and how they refer to each other ("Event IDs", "Event format")."""

    ID_IN_EVENT = "v1"
    """Versions 1 and 2: `event_id` is chosen by the sending server; references are `[event_id, {"sha256": ...}]`."""

    REFERENCE_HASH = "v3"
    """Version 3: the event ID is `$` and the reference hash in standard unpadded base64."""

    URL_SAFE_REFERENCE_HASH = "v4"
    """Version 4 and later: the same in URL-safe unpadded base64."""


class StateResolution(Enum):
    """Which state resolution algorithm merges forks ("State resolution")."""

    V1 = "v1"
    V2 = "v2"
    V2_1 = "v2.1"


@dataclass(frozen=True, slots=True)
class RoomVersion:
    """What one room version does. Field order follows the versions that introduced each behaviour."""

    identifier: str
    stable: bool = True
    event_format: EventFormat = EventFormat.ID_IN_EVENT
    state_resolution: StateResolution = StateResolution.V1

    redaction_checked_by_auth_rules: bool = True
    """Versions 1 and 2 have an authorisation rule for `m.room.redaction`; later ones check it when it is applied."""

    aliases_have_own_auth_rule: bool = True
    """Up to version 5 `m.room.aliases` has an authorisation rule, and its `aliases` survive redaction."""

    enforces_key_validity: bool = False
    """Since version 5 a signature counts only if the key was valid at the event's `origin_server_ts`."""

    strict_canonical_json: bool = False
    """Since version 6 integers outside -(2^53)+1 .. (2^53)-1 and floats are refused."""

    limits_notification_power_levels: bool = False
    """Since version 6 the `notifications` of power levels are authorised like `events`."""

    knocking: bool = False
    """Since version 7: the `knock` membership and join rule."""

    restricted_joins: bool = False
    """Since version 8: the `restricted` join rule; redaction keeps `allow` of join rules."""

    redaction_keeps_join_authorised_via: bool = False
    """Since version 9: redaction keeps `join_authorised_via_users_server` of member events."""

    knock_restricted_joins: bool = False
    """Since version 10: the `knock_restricted` join rule."""

    integer_power_levels: bool = False
    """Since version 10 power levels are integers; before, strings and floats are read as integers where possible."""

    creator_is_sender: bool = False
    """Since version 11 the create event has no `creator` in its content: its sender is the creator."""

    redacts_in_content: bool = False
    """Since version 11 `redacts` is a property of the content of `m.room.redaction`."""

    revised_redaction_rules: bool = False
    """Since version 11: the redaction algorithm as clarified there (create keeps all its content, and so on)."""

    room_id_is_create_event_id: bool = False
    """Since version 12 the room ID is the ID of the create event with `!` in front; that event has no `room_id`."""

    creators_have_infinite_power: bool = False
    """Since version 12: the sender of the create event and its `additional_creators` stand above all power levels."""

    @property
    def create_event_in_auth_events(self) -> bool:
        """Whether `auth_events` names the create event. Since version 12 the room ID implies it."""
        return not self.room_id_is_create_event_id

    @property
    def knock_join_rules(self) -> frozenset[str]:
        """The join rules that let somebody knock."""
        names = {"knock"} if self.knocking else set()
        return frozenset(names | ({"knock_restricted"} if self.knock_restricted_joins else set()))

    @property
    def restricted_join_rules(self) -> frozenset[str]:
        """The join rules under which membership elsewhere may admit somebody."""
        names = {"restricted"} if self.restricted_joins else set()
        return frozenset(names | ({"knock_restricted"} if self.knock_restricted_joins else set()))


V1 = RoomVersion("1")
V2 = replace(V1, identifier="2", state_resolution=StateResolution.V2)
V3 = replace(V2, identifier="3", event_format=EventFormat.REFERENCE_HASH, redaction_checked_by_auth_rules=False)
V4 = replace(V3, identifier="4", event_format=EventFormat.URL_SAFE_REFERENCE_HASH)
V5 = replace(V4, identifier="5", enforces_key_validity=True)
V6 = replace(
    V5,
    identifier="6",
    aliases_have_own_auth_rule=False,
    strict_canonical_json=True,
    limits_notification_power_levels=True,
)
V7 = replace(V6, identifier="7", knocking=True)
V8 = replace(V7, identifier="8", restricted_joins=True)
V9 = replace(V8, identifier="9", redaction_keeps_join_authorised_via=True)
V10 = replace(V9, identifier="10", knock_restricted_joins=True, integer_power_levels=True)
V11 = replace(V10, identifier="11", creator_is_sender=True, redacts_in_content=True, revised_redaction_rules=True)
V12 = replace(
    V11,
    identifier="12",
    state_resolution=StateResolution.V2_1,
    room_id_is_create_event_id=True,
    creators_have_infinite_power=True,
)

ROOM_VERSIONS: dict[str, RoomVersion] = {
    version.identifier: version for version in (V1, V2, V3, V4, V5, V6, V7, V8, V9, V10, V11, V12)
}
"""Every room version this library knows, oldest first."""

DEFAULT_ROOM_VERSION = V12


def room_version(identifier: object) -> RoomVersion:
    """The room version of that name.

    Raises:
        ProtocolError: `M_UNSUPPORTED_ROOM_VERSION`, if it is not one we know.
    """
    version = ROOM_VERSIONS.get(identifier) if isinstance(identifier, str) else None
    if version is None:
        raise ProtocolError(f"unknown room version {identifier!r}", "M_UNSUPPORTED_ROOM_VERSION")
    return version
