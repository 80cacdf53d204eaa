"""From a PDU to an `Event` (each room version's "Event format"; client-server API, "Size limits")."""

from collections.abc import Mapping
from typing import Any, Final, cast

from hs_core.matrix.canonical_json import MAX_INTEGER, encode_canonical
from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.event import Event
from hs_core.matrix.hashing import event_id_of, room_id_from_create_event
from hs_core.matrix.identifiers import (
    MAX_LENGTH,
    EventId,
    RoomId,
    UserId,
    parse_event_id,
    parse_room_id,
    parse_user_id,
)
from hs_core.matrix.redaction import redact
from hs_core.matrix.room_version import EventFormat, RoomVersion

MAX_PDU_BYTES: Final = 65536
"""The most bytes that an event may have in canonical JSON, signatures included."""

MAX_PREV_EVENTS: Final = 20
MAX_AUTH_EVENTS: Final = 10
MAX_INT64: Final = 2**63 - 1


def parse_pdu(pdu: object, room_version: RoomVersion) -> Event:
    """The event that a stranger sent, after checking that it "complies with the event format of that room version".

    Signatures and hashes are checked for shape only, and what event types mean by their content not at all. `unsigned`
    is left out of the event: any server may have changed it on the way, so whether an event is valid, and what it says,
    must not depend on it. Callers that need it (the `invite_room_state` of an invite) take it from what they received.

    Raises:
        ProtocolError: `M_TOO_LARGE` if it or one of its keys is larger than allowed, else `M_BAD_JSON`.
    """
    if not isinstance(pdu, dict):
        raise ProtocolError("an event is not an object")
    if not isinstance(pdu.get("unsigned", {}), dict):
        raise ProtocolError("`unsigned` is not an object")
    pdu = {key: value for key, value in pdu.items() if key != "unsigned"}
    try:
        _check_format(pdu, room_version)
        check_size(pdu, room_version)
        return event_from_trusted_json(pdu, room_version, event_id_of(pdu, room_version))
    except ProtocolError as error:
        if error.errcode != "M_INVALID_PARAM":
            raise
        raise ProtocolError(str(error)) from None


def event_from_trusted_json(pdu: Mapping[str, Any], room_version: RoomVersion, event_id: EventId) -> Event:
    """The event of a PDU that was checked before: one that we stored or built. Nothing is checked."""
    event_type: str = pdu["type"]
    content: Mapping[str, Any] = pdu["content"]
    room_id = pdu.get("room_id")
    prev_events, auth_events = pdu["prev_events"], pdu["auth_events"]
    if room_version.event_format is EventFormat.ID_IN_EVENT:
        prev_events, auth_events = _ids_of_references(prev_events), _ids_of_references(auth_events)
    return Event(
        event_id,
        room_id_from_create_event(event_id) if room_id is None else RoomId(room_id),
        UserId(pdu["sender"]),
        event_type,
        pdu.get("state_key"),
        content,
        pdu["origin_server_ts"],
        pdu["depth"],
        tuple(prev_events),
        tuple(auth_events),
        _redacted_event(pdu, room_version) if event_type == "m.room.redaction" else None,
        room_version,
        pdu,
    )


def redacted_event(event: Event) -> Event:
    """The same event with only what redaction leaves of it."""
    return event_from_trusted_json(redact(event.pdu, event.room_version), event.room_version, event.event_id)


def check_size(pdu: Mapping[str, Any], room_version: RoomVersion) -> None:
    """Raises `ProtocolError` with `M_TOO_LARGE` if "the complete event" is larger than 64 KiB."""
    if len(encode_canonical(pdu, strict=room_version.strict_canonical_json)) > MAX_PDU_BYTES:
        raise ProtocolError(f"an event has at most {MAX_PDU_BYTES} bytes", "M_TOO_LARGE")


def check_key_sizes(event_type: str, state_key: str | None) -> None:
    """Raises `ProtocolError` with `M_TOO_LARGE` if `type` or `state_key` is longer than 255 bytes."""
    for name, value in (("type", event_type), ("state_key", state_key)):
        # An invalid string (with a lone surrogate) is found when the event is written.
        if value is not None and len(value.encode(errors="surrogatepass")) > MAX_LENGTH:
            raise ProtocolError(f"`{name}` has at most {MAX_LENGTH} bytes", "M_TOO_LARGE")


def _check_format(pdu: dict[str, Any], room_version: RoomVersion) -> None:
    event_type = _string(pdu, "type")
    check_key_sizes(event_type, _string(pdu, "state_key") if "state_key" in pdu else None)
    parse_user_id(pdu.get("sender"))
    _check_room_id(pdu, room_version)
    if not isinstance(pdu.get("content"), dict):
        raise ProtocolError("`content` is not an object")
    largest = MAX_INTEGER if room_version.strict_canonical_json else MAX_INT64
    _check_integer(pdu, "depth", 0, largest)
    _check_integer(pdu, "origin_server_ts", -largest, largest)
    _check_references(pdu, "prev_events", MAX_PREV_EVENTS, room_version)
    _check_references(pdu, "auth_events", MAX_AUTH_EVENTS, room_version)
    _check_hashes(pdu.get("hashes"))
    _check_signatures(pdu.get("signatures"))
    if event_type == "m.room.redaction" and not room_version.redacts_in_content and "redacts" in pdu:
        _string(pdu, "redacts")
    if room_version.event_format is EventFormat.ID_IN_EVENT:
        _parse_own_event_id(pdu.get("event_id"), room_version)


def _string(pdu: Mapping[str, Any], key: str) -> str:
    value = pdu.get(key)
    if not isinstance(value, str):
        raise ProtocolError(f"`{key}` is not a string")
    return value


def _check_integer(pdu: Mapping[str, Any], key: str, smallest: int, largest: int) -> None:
    value = pdu.get(key)
    if type(value) is not int or not smallest <= value <= largest:
        raise ProtocolError(f"`{key}` is not an integer in {smallest} .. {largest}")


def _check_room_id(pdu: Mapping[str, Any], room_version: RoomVersion) -> None:
    if not room_version.room_id_is_create_event_id:
        if ":" not in parse_room_id(pdu.get("room_id")):
            raise ProtocolError("`room_id` has no domain")
    elif pdu["type"] == "m.room.create":
        # "Omitted from `m.room.create` events."
        if "room_id" in pdu:
            raise ProtocolError("a create event has a `room_id`")
    elif ":" in parse_room_id(pdu.get("room_id")):
        raise ProtocolError("`room_id` is not the hash of a create event")


def _check_references(pdu: Mapping[str, Any], key: str, most: int, room_version: RoomVersion) -> None:
    references = pdu.get(key)
    if not isinstance(references, list):
        raise ProtocolError(f"`{key}` is not an array")
    if len(references) > most:
        raise ProtocolError(f"`{key}` has more than {most} events")
    for reference in references:
        if room_version.event_format is not EventFormat.ID_IN_EVENT:
            _parse_own_event_id(reference, room_version)
        elif isinstance(reference, list) and len(reference) == 2:
            _parse_own_event_id(reference[0], room_version)
            _check_hashes(reference[1])
        else:
            raise ProtocolError(f"`{key}` has something else than pairs of an event ID and hashes")


def _parse_own_event_id(value: object, room_version: RoomVersion) -> EventId:
    """An event ID of the form that the room version uses."""
    event_id = parse_event_id(value)
    match room_version.event_format:
        case EventFormat.ID_IN_EVENT:
            fits = ":" in event_id
        case EventFormat.REFERENCE_HASH:
            fits = not set(event_id) & set(":-_")
        case EventFormat.URL_SAFE_REFERENCE_HASH:
            fits = not set(event_id) & set(":+/")
    if not fits:
        raise ProtocolError(f"not an event ID of room version {room_version.identifier}: {event_id!r}")
    return event_id


def _check_hashes(hashes: object) -> None:
    if not isinstance(hashes, dict) or not isinstance(hashes.get("sha256"), str):
        raise ProtocolError("hashes are not an object with a string `sha256`")


def _check_signatures(signatures: object) -> None:
    if not isinstance(signatures, dict):
        raise ProtocolError("`signatures` is not an object")
    for of_server in signatures.values():
        if not isinstance(of_server, dict) or not all(isinstance(text, str) for text in of_server.values()):
            raise ProtocolError("`signatures` has something else than objects of strings")


def _ids_of_references(references: list[list[Any]]) -> list[EventId]:
    return [cast(EventId, reference[0]) for reference in references]


def _redacted_event(pdu: Mapping[str, Any], room_version: RoomVersion) -> EventId | None:
    """The event that a redaction names. One that names nothing that could be an event redacts nothing."""
    redacts = (pdu["content"] if room_version.redacts_in_content else pdu).get("redacts")
    try:
        return parse_event_id(redacts)
    except ProtocolError:
        return None
