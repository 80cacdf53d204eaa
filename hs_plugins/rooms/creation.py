"""The first event of a room ("Room IDs" and "Event format" of each room version)."""

from collections.abc import Mapping
from typing import Any

from hs_core.clock import Clock
from hs_core.matrix.canonical_json import encode_canonical
from hs_core.matrix.event_building import EventDraft, LegacyNames, build_event
from hs_core.matrix.identifiers import EventId, RoomId, ServerName, UserId
from hs_core.matrix.room_version import EventFormat, RoomVersion
from hs_core.matrix.signing import SigningKey

OPAQUE_LENGTH = 18
"""Letters and digits of an ID that we choose: more than 100 bits."""


def new_room(
    creator: UserId,
    version: RoomVersion,
    content: Mapping[str, Any],
    *,
    server_name: ServerName,
    signing_key: SigningKey,
    clock: Clock,
) -> tuple[RoomId, bytes]:
    """Sign a create event: the ID of the room that it begins, and its PDU for `Rooms.create_room`.

    `content` is what the creator asked for; `room_version` and, where the version has it, `creator` are added.

    Raises:
        ProtocolError: `M_TOO_LARGE` or `M_BAD_JSON` if the content does not make a valid event.
    """
    room_id = None
    if not version.room_id_is_create_event_id:
        room_id = RoomId(f"!{clock.random_text(OPAQUE_LENGTH)}:{server_name}")
    full = {**content, "room_version": version.identifier}
    if not version.creator_is_sender:
        full["creator"] = creator
    event = build_event(
        EventDraft(room_id=room_id, sender=creator, type="m.room.create", state_key="", content=full),
        version,
        depth=1,
        prev_events=(),
        auth_events=(),
        origin_server_ts=clock.now_ms(),
        signing_keys=(signing_key,),
        legacy_names=new_legacy_names(version, server_name, clock, {}),
    )
    return event.room_id, encode_canonical(event.pdu, strict=version.strict_canonical_json)


def new_legacy_names(
    version: RoomVersion, server_name: ServerName, clock: Clock, reference_hashes: Mapping[EventId, bytes]
) -> LegacyNames | None:
    """The name of the next event, in those room versions where events do not name themselves."""
    if version.event_format is not EventFormat.ID_IN_EVENT:
        return None
    return LegacyNames(EventId(f"${clock.random_text(OPAQUE_LENGTH)}:{server_name}"), reference_hashes)
