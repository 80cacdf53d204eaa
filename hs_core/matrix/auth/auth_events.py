"""Which events authorise an event, and the rule about those that it names.

Server-server API, "Auth events selection"; room versions, "Considering the event's `auth_events`".
"""

from collections.abc import Container, Mapping, Sequence
from typing import Protocol

from hs_core.matrix.auth.create import check_room_id
from hs_core.matrix.auth.state import CREATE, JOIN_RULES, POWER_LEVELS
from hs_core.matrix.errors import Rejected
from hs_core.matrix.event import Event, Json, StateKey
from hs_core.matrix.identifiers import EventId
from hs_core.matrix.room_version import RoomVersion


class Authorisable(Protocol):
    """What the selection looks at: an `Event`, or the draft of one."""

    @property
    def type(self) -> str: ...
    @property
    def state_key(self) -> str | None: ...
    @property
    def sender(self) -> str: ...
    @property
    def content(self) -> Mapping[str, Json]: ...


def auth_event_keys(event: Authorisable, version: RoomVersion) -> list[StateKey]:
    """The part of the room state that belongs into the `auth_events` of an event, "if any"; no key twice.

    Whatever the content, there is an answer: a token or a user that is no string selects nothing.
    """
    if event.type == "m.room.create":
        return []
    keys = [POWER_LEVELS, ("m.room.member", event.sender)]
    if version.create_event_in_auth_events:
        keys.insert(0, CREATE)
    if event.type == "m.room.member":
        keys += _keys_for_membership(event.state_key, event.content, version)
    return list(dict.fromkeys(keys))


def check_auth_events(
    event: Event, auth_events: Sequence[Event], rejected: Container[EventId], create: Event | None = None
) -> None:
    """Check that an event names the right `auth_events`, and only those.

    Args:
        auth_events: the events that `event.auth_events` names, one for each entry.
        rejected: those among them (and `create`) that were rejected when they were received.
        create: the create event that the room ID implies; for the room versions whose room IDs do.

    Raises:
        Rejected: with the rule that is broken.
    """
    if event.type == "m.room.create":
        return
    version = event.room_version
    check_room_id(event, None if create is None or create.event_id in rejected else create)
    expected = set(auth_event_keys(event, version))
    seen: set[StateKey] = set()
    for auth_event in auth_events:
        key = (auth_event.type, auth_event.state_key)
        if auth_event.state_key is None or key not in expected:
            raise Rejected(
                f"if there are entries in `auth_events` whose `type` and `state_key` ({key[0]!r}, {key[1]!r}) don't"
                " match those specified by the auth events selection algorithm, reject"
            )
        if auth_event.key in seen:
            raise Rejected(
                "if there are duplicate entries in `auth_events` for a given `type` and `state_key` pair"
                f" ({key[0]!r}, {key[1]!r}), reject"
            )
        seen.add(auth_event.key)
        if auth_event.event_id in rejected:
            raise Rejected(
                f"if there are entries in `auth_events` which were themselves rejected ({auth_event.event_id}), reject"
            )
        if auth_event.room_id != event.room_id:
            raise Rejected(
                "if any event in `auth_events` has a `room_id` which does not match that of the event being"
                f" authorised ({auth_event.event_id}), reject"
            )
    if version.create_event_in_auth_events and CREATE not in seen:
        raise Rejected("if there is no `m.room.create` event among the entries of `auth_events`, reject")


def _keys_for_membership(target: str | None, content: Mapping[str, Json], version: RoomVersion) -> list[StateKey]:
    keys = [] if target is None else [("m.room.member", target)]
    membership = content.get("membership")
    if membership in ("join", "invite", "knock"):
        keys.append(JOIN_RULES)
    if membership == "invite":
        token = third_party_invite_token(content)
        if token is not None:
            keys.append(("m.room.third_party_invite", token))
    if membership == "join" and version.restricted_joins:
        authoriser = content.get("join_authorised_via_users_server")
        if isinstance(authoriser, str):
            keys.append(("m.room.member", authoriser))
    return keys


def third_party_invite_token(content: Mapping[str, Json]) -> str | None:
    """`third_party_invite.signed.token` of a membership event's content, if there is such a string."""
    value: Json = content
    for name in ("third_party_invite", "signed", "token"):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else None
