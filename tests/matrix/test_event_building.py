from typing import Any

import pytest

from hs_core.matrix.canonical_json import encode_canonical
from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.event_building import EventDraft, LegacyNames, build_event
from hs_core.matrix.event_signing import ServerKey, verify_event_signature
from hs_core.matrix.hashing import event_id_of, has_valid_content_hash
from hs_core.matrix.identifiers import EventId
from hs_core.matrix.pdu import parse_pdu
from hs_core.matrix.room_version import ROOM_VERSIONS, V1, V5, V6, V10, V11, V12, RoomVersion
from hs_core.matrix.unpadded_base64 import encode_base64
from tests.matrix.examples import ALICE, KEY, NOW, SERVER, event_ids_in, example_event, room_id_in

EVERY_VERSION = pytest.mark.parametrize("version", ROOM_VERSIONS.values(), ids=list(ROOM_VERSIONS))


def draft(version: RoomVersion, **fields: Any) -> EventDraft:
    defaults = {"room_id": room_id_in(version), "sender": ALICE, "type": "m.room.message", "content": {}}
    return EventDraft(**{**defaults, **fields})


def build(version: RoomVersion, a_draft: EventDraft, **place: Any) -> Any:
    at: dict[str, Any] = {"depth": 1, "prev_events": [], "auth_events": [], "origin_server_ts": NOW}
    return build_event(a_draft, version, **{**at, "signing_keys": [KEY], **place})


@EVERY_VERSION
def test_what_we_build_others_accept(version: RoomVersion) -> None:
    event = example_event(version, "m.room.topic", {"topic": "Ünïcode"}, state_key="")
    received = parse_pdu(dict(event.pdu), version)

    for field in event.__struct_fields__:
        assert getattr(received, field) == getattr(event, field)
    assert event.key == ("m.room.topic", "")
    assert event.event_id == event_id_of(event.pdu, version)
    assert has_valid_content_hash(event.pdu, version)
    verify_event_signature(received, SERVER, {KEY.key_id: ServerKey(KEY.verify_key, valid_until_ts=NOW)})


@EVERY_VERSION
def test_a_message_has_no_state_key(version: RoomVersion) -> None:
    event = example_event(version)
    assert not event.is_state
    assert "state_key" not in event.pdu


@EVERY_VERSION
def test_redactions_name_their_target_where_the_version_wants_it(version: RoomVersion) -> None:
    target = event_ids_in(version, 1)[0]
    event = example_event(version, "m.room.redaction", {"reason": "spam"}, redacts=target)
    assert event.redacts == target
    if version in (V11, V12):
        assert event.content == {"reason": "spam", "redacts": target}
        assert "redacts" not in event.pdu
    else:
        assert event.content == {"reason": "spam"}
        assert event.pdu["redacts"] == target


def test_a_room_of_version_12_is_named_by_its_create_event() -> None:
    event = build(V12, draft(V12, room_id=None, type="m.room.create", state_key="", content={"room_version": "12"}))
    assert "room_id" not in event.pdu
    assert event.room_id == "!" + event.event_id[1:]
    assert parse_pdu(dict(event.pdu), V12).room_id == event.room_id


def test_the_first_versions_refer_by_id_and_hash() -> None:
    before = EventId("$before:example.org")
    names = LegacyNames(EventId("$own:example.org"), {before: bytes(32)})
    event = build(V1, draft(V1), prev_events=[before], legacy_names=names)
    assert event.event_id == "$own:example.org"
    assert event.prev_events == (before,)
    assert event.pdu["prev_events"] == [[before, {"sha256": encode_base64(bytes(32))}]]


@pytest.mark.parametrize(("version", "limit"), [(V5, 2**63 - 1), (V6, 2**53 - 1), (V12, 2**53 - 1)])
def test_depth_stops_at_its_limit(version: RoomVersion, limit: int) -> None:
    assert build(version, draft(version), depth=limit).depth == limit
    assert build(version, draft(version), depth=limit + 1).depth == limit


def test_an_event_of_64_kib_is_the_largest() -> None:
    overhead = len(encode_canonical(build(V10, draft(V10, content={"body": ""})).pdu))
    largest = build(V10, draft(V10, content={"body": "x" * (65536 - overhead)}))
    assert len(encode_canonical(largest.pdu)) == 65536
    parse_pdu(dict(largest.pdu), V10)
    with pytest.raises(ProtocolError) as refused:
        build(V10, draft(V10, content={"body": "x" * (65537 - overhead)}))
    assert refused.value.errcode == "M_TOO_LARGE"


@pytest.mark.parametrize("field", ["type", "state_key"])
def test_types_and_state_keys_have_at_most_255_bytes(field: str) -> None:
    assert build(V11, draft(V11, **{field: "ü" * 127 + "x"})).pdu[field] == "ü" * 127 + "x"
    with pytest.raises(ProtocolError) as refused:
        build(V11, draft(V11, **{field: "ü" * 128}))
    assert refused.value.errcode == "M_TOO_LARGE"


@pytest.mark.parametrize("content", [{"n": 1.5}, {"n": 2**53}, {"s": "\ud800"}, {"\ud800": 1}, {"n": float("nan")}])
def test_content_that_is_not_canonical_is_bad_json(content: dict[str, Any]) -> None:
    for version in (V6, V12):
        with pytest.raises(ProtocolError) as refused:
            build(version, draft(version, content=content))
        assert refused.value.errcode == "M_BAD_JSON"


def test_too_many_references_are_refused() -> None:
    ids = event_ids_in(V11, 21)
    for place in ({"prev_events": ids}, {"auth_events": ids[:11]}):
        with pytest.raises(ProtocolError):
            build(V11, draft(V11), **place)
