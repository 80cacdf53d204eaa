"""Writing, naming, signing, checking and showing single events."""

from benchmarks.harness import Measurement
from hs_core.matrix.canonical_json import decode_json, encode_canonical
from hs_core.matrix.client_event import Unsigned, client_event
from hs_core.matrix.event import Event
from hs_core.matrix.event_building import EventDraft, build_event
from hs_core.matrix.event_signing import ServerKey, verify_event_signatures
from hs_core.matrix.hashing import event_id_of, has_valid_content_hash
from hs_core.matrix.identifiers import EventId, RoomId, ServerName, UserId, parse_user_id
from hs_core.matrix.pdu import event_from_trusted_json, parse_pdu
from hs_core.matrix.redaction import redact
from hs_core.matrix.room_version import V5, V12, RoomVersion
from hs_core.matrix.signing import SigningKey

NOW = 1_700_000_000_000
SERVER = ServerName("example.org")
KEY = SigningKey("a_1", bytes(range(32)))
KEYS = {SERVER: {KEY.key_id: ServerKey(KEY.verify_key, valid_until_ts=NOW)}}
CONTENT = {
    "msgtype": "m.text",
    "body": "A message of ordinary length, with an ümlaut or two in it, to somebody who reads it.",
    "m.mentions": {"user_ids": ["@bob:example.org"]},
}


def message(version: RoomVersion) -> Event:
    room = RoomId("!" + "r" * 43) if version.room_id_is_create_event_id else RoomId("!room:example.org")
    ids = [EventId(f"${n:043}") for n in range(4)]
    return build_event(
        EventDraft(room_id=room, sender=UserId("@alice:example.org"), type="m.room.message", content=CONTENT),
        version,
        depth=1234,
        prev_events=ids[:1],
        auth_events=ids[1:],
        origin_server_ts=NOW,
        signing_keys=[KEY],
    )


def receive(text: bytes, version: RoomVersion) -> Event:
    """The checks of a PDU from a stranger that need nothing but the PDU and the keys."""
    event = parse_pdu(decode_json(text), version)
    verify_event_signatures(event, KEYS)
    assert has_valid_content_hash(event.pdu, version)
    return event


def measurements() -> list[Measurement]:
    event = message(V12)
    text = encode_canonical(event.pdu)
    unsigned = Unsigned(age=5, membership="join")
    return [
        Measurement("build a message: hash, sign, name", lambda: message(V12), 120),
        Measurement("the same in lenient JSON (room version 5)", lambda: message(V5), 120),
        Measurement("receive a message: parse, check, verify", lambda: receive(text, V12)),
        Measurement("verify the signature of a message", lambda: verify_event_signatures(event, KEYS)),
        Measurement("check the content hash of a message", lambda: has_valid_content_hash(event.pdu, V12)),
        Measurement("name a message", lambda: event_id_of(event.pdu, V12)),
        Measurement("parse and check the format of a message", lambda: parse_pdu(event.pdu, V12)),
        Measurement("load a stored message", lambda: event_from_trusted_json(decode_json(text), V12, event.event_id)),
        Measurement("write a message in canonical JSON", lambda: encode_canonical(event.pdu)),
        Measurement("redact a message", lambda: redact(event.pdu, V12)),
        Measurement("show a message to a client", lambda: client_event(event, unsigned)),
        Measurement("parse a user ID", lambda: parse_user_id("@alice:example.org")),
    ]
