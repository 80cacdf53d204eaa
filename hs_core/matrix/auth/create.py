"""The rule for `m.room.create`, and those that look at the create event of the room."""

from hs_core.matrix.auth.state import Creation
from hs_core.matrix.errors import ProtocolError, Rejected
from hs_core.matrix.event import Event, Json
from hs_core.matrix.identifiers import parse_user_id, server_name_of
from hs_core.matrix.room_version import room_version


def check_create(event: Event) -> None:
    """The rules "If type is `m.room.create`"."""
    version = event.room_version
    if event.prev_events:
        raise Rejected("m.room.create: if it has any `prev_events`, reject")
    if version.room_id_is_create_event_id:
        if "room_id" in event.pdu:
            raise Rejected("m.room.create: if the event has a `room_id`, reject")
    elif event.room_id.partition(":")[2] != server_name_of(event.sender):
        raise Rejected(
            "m.room.create: if the domain of the `room_id` does not match the domain of the `sender`, reject"
        )
    if "room_version" in event.content and not _is_recognised(event.content["room_version"]):
        raise Rejected("m.room.create: if `content.room_version` is present and is not a recognised version, reject")
    if not version.creator_is_sender and "creator" not in event.content:
        raise Rejected("m.room.create: if `content` has no `creator` property, reject")
    if version.creators_have_infinite_power and "additional_creators" in event.content:
        _check_additional_creators(event.content["additional_creators"])


def check_room_id(event: Event, create: Event | None) -> None:
    """The rule that replaces the create event in `auth_events` in the room versions where the room ID implies it.

    `create` has been accepted, unless it is `None`. In other room versions nothing is checked.
    """
    if event.room_version.room_id_is_create_event_id and (
        create is None or create.type != "m.room.create" or create.event_id[1:] != event.room_id[1:]
    ):
        raise Rejected(
            "if the event's `room_id` is not an event ID for an accepted (not rejected) `m.room.create` event, with the"
            " sigil `!` instead of `$`, reject"
        )


def check_federation(event: Event, creation: Creation) -> None:
    """The rule for rooms that are closed to other servers than that of their creator."""
    if not creation.federates and server_name_of(event.sender) != creation.server_name:
        raise Rejected(
            "if the `content` of the `m.room.create` event in the room state has the property `m.federate` set to"
            " `false`, and the `sender` domain of the event does not match the `sender` domain of the create event,"
            " reject"
        )


def _is_recognised(identifier: Json) -> bool:
    try:
        room_version(identifier)
    except ProtocolError:
        return False
    return True


def _check_additional_creators(creators: Json) -> None:
    try:
        if not isinstance(creators, list):
            raise ProtocolError("not an array")
        for creator in creators:
            parse_user_id(creator)
    except ProtocolError as error:
        raise Rejected(
            "m.room.create: if `additional_creators` is present in `content` and is not an array of strings where each"
            f" string passes the same user ID validation applied to `sender`, reject ({error})"
        ) from None
