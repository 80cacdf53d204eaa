from typing import Any

import pytest

from hs_core.matrix.canonical_json import decode_json, encode_canonical
from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.event import Event
from hs_core.matrix.pdu import parse_pdu, redacted_event
from hs_core.matrix.room_version import ROOM_VERSIONS, V1, V2, V3, V4, V5, V6, V10, V11, V12, RoomVersion
from tests.matrix.examples import ALICE, event_ids_in, example_event, room_id_in

EVERY_VERSION = pytest.mark.parametrize("version", ROOM_VERSIONS.values(), ids=list(ROOM_VERSIONS))
WRONG_TYPES: list[Any] = [None, True, 5, -1, 1.5, "text", [], ["text"], {}, {"a": "b"}, [[]], [["$a:b.c"]]]
EVENT_ID_OF_V3 = "$acR1l0raoZnm60CBwAVgqbZqoO/mYU81xysh1u7XcJk"
EVENT_ID_OF_V4 = "$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg"
EVENT_ID_OF_V1 = "$abc:example.org"


def message(version: RoomVersion, **changes: Any) -> dict[str, Any]:
    return {**example_event(version).pdu, **changes}


def errcode_of(pdu: object, version: RoomVersion) -> str | None:
    try:
        parse_pdu(pdu, version)
    except ProtocolError as refused:
        return refused.errcode
    return None


@EVERY_VERSION
def test_the_fields_of_an_event_are_those_of_the_pdu(version: RoomVersion) -> None:
    ids = event_ids_in(version, 3)
    pdu = message(version)
    event = parse_pdu(decode_json(encode_canonical(pdu)), version)

    assert event.room_id == room_id_in(version)
    assert event.sender == ALICE
    assert event.type == "m.room.message"
    assert event.state_key is None
    assert event.content == {"msgtype": "m.text", "body": "Hello"}
    assert (event.depth, event.origin_server_ts) == (7, 1_700_000_000_000)
    assert event.prev_events == (ids[0],)
    assert event.auth_events == (ids[1], ids[2])
    assert event.redacts is None
    assert event.room_version is version
    assert event.pdu == pdu


@EVERY_VERSION
@pytest.mark.parametrize(
    "field",
    ["sender", "type", "content", "depth", "origin_server_ts", "prev_events", "auth_events", "hashes", "signatures"],
)
def test_every_required_field_must_be_there(version: RoomVersion, field: str) -> None:
    pdu = message(version)
    del pdu[field]
    assert errcode_of(pdu, version) == "M_BAD_JSON"


@EVERY_VERSION
@pytest.mark.parametrize(
    ("field", "allowed"),
    [
        ("sender", ()),
        ("room_id", ()),
        ("type", ("text",)),
        ("state_key", ("text",)),
        ("content", ({}, {"a": "b"})),
        ("depth", (5,)),
        ("origin_server_ts", (5, -1)),
        ("prev_events", ([],)),
        ("auth_events", ([],)),
        ("hashes", ()),
        ("signatures", ({},)),
        ("unsigned", ({}, {"a": "b"})),
    ],
)
def test_a_field_of_a_wrong_type_makes_the_event_invalid(
    version: RoomVersion, field: str, allowed: tuple[object, ...]
) -> None:
    for value in WRONG_TYPES:
        fits = any(type(value) is type(one) and value == one for one in allowed)
        assert (errcode_of(message(version, **{field: value}), version) is None) == fits, value


@pytest.mark.parametrize("pdu", [None, [], "text", 5, {}])
def test_what_is_no_object_is_no_event(pdu: object) -> None:
    assert errcode_of(pdu, V12) == "M_BAD_JSON"


def test_event_ids_have_the_form_of_the_room_version() -> None:
    own = {V1: EVENT_ID_OF_V1, V2: EVENT_ID_OF_V1, V3: EVENT_ID_OF_V3, V4: EVENT_ID_OF_V4, V12: EVENT_ID_OF_V4}
    for version, fitting in own.items():
        for event_id in (EVENT_ID_OF_V1, EVENT_ID_OF_V3, EVENT_ID_OF_V4):
            reference: Any = [event_id, {"sha256": "x"}] if version in (V1, V2) else event_id
            expected = None if event_id == fitting else "M_BAD_JSON"
            assert errcode_of(message(version, prev_events=[reference]), version) == expected
            assert errcode_of(message(version, auth_events=[reference]), version) == expected
            if version in (V1, V2):
                assert errcode_of(message(version, event_id=event_id), version) == expected


@pytest.mark.parametrize(
    "reference", [EVENT_ID_OF_V1, [EVENT_ID_OF_V1], [EVENT_ID_OF_V1, "x"], [EVENT_ID_OF_V1, {}], [5, {"sha256": "x"}]]
)
def test_references_of_the_first_versions_are_pairs(reference: object) -> None:
    assert errcode_of(message(V1, prev_events=[reference]), V1) == "M_BAD_JSON"


def test_room_ids_have_the_form_of_the_room_version() -> None:
    assert errcode_of(message(V11, room_id="!" + "a" * 43), V11) == "M_BAD_JSON"
    assert errcode_of(message(V12, room_id="!room:example.org"), V12) == "M_BAD_JSON"


def test_only_the_create_event_of_version_12_has_no_room_id() -> None:
    create = message(V12, type="m.room.create", state_key="", prev_events=[], auth_events=[])
    assert errcode_of(create, V12) == "M_BAD_JSON"
    del create["room_id"]
    event = parse_pdu(create, V12)
    assert event.room_id == "!" + event.event_id[1:]
    assert errcode_of({**create, "room_id": None}, V12) == "M_BAD_JSON"
    assert errcode_of({**create, "type": "m.room.message"}, V12) == "M_BAD_JSON"
    assert errcode_of(create, V11) == "M_BAD_JSON"


@EVERY_VERSION
def test_an_event_has_at_most_20_previous_and_10_auth_events(version: RoomVersion) -> None:
    reference: Any = example_event(version).pdu["prev_events"][0]
    assert errcode_of(message(version, prev_events=[reference] * 20, auth_events=[reference] * 10), version) is None
    assert errcode_of(message(version, prev_events=[reference] * 21), version) == "M_BAD_JSON"
    assert errcode_of(message(version, auth_events=[reference] * 11), version) == "M_BAD_JSON"


@pytest.mark.parametrize(("version", "largest"), [(V5, 2**63 - 1), (V6, 2**53 - 1), (V12, 2**53 - 1)])
def test_depth_is_not_negative_and_bounded(version: RoomVersion, largest: int) -> None:
    for depth in (0, largest):
        assert errcode_of(message(version, depth=depth), version) is None
    for depth in (-1, largest + 1):
        assert errcode_of(message(version, depth=depth), version) == "M_BAD_JSON"


@pytest.mark.parametrize("field", ["type", "state_key", "sender"])
def test_keys_have_at_most_255_bytes(field: str) -> None:
    longest = "@" + "ü" * 121 + ":example.org"
    assert len(longest.encode()) == 255
    for version in (V1, V12):
        assert errcode_of(message(version, **{field: longest}), version) is None
        assert errcode_of(message(version, **{field: longest + "x"}), version) in {"M_TOO_LARGE", "M_BAD_JSON"}


@EVERY_VERSION
def test_an_event_has_at_most_64_kib_whatever_is_added_unsigned(version: RoomVersion) -> None:
    room = 65536 - len(encode_canonical(message(version, content={"body": ""})))
    largest = message(version, content={"body": "x" * room})
    assert errcode_of(largest, version) is None
    assert errcode_of({**largest, "unsigned": {"age": 5}}, version) is None
    assert errcode_of(message(version, content={"body": "x" * (room + 1)}), version) == "M_TOO_LARGE"


def test_what_servers_add_on_the_way_is_not_part_of_the_event() -> None:
    event = parse_pdu(message(V11, unsigned={"age": 5}), V11)
    assert "unsigned" not in event.pdu


@pytest.mark.parametrize("content", [{"n": 1.5}, {"n": 2**53}, {"n": [{"m": -(2**60)}]}])
def test_numbers_outside_canonical_json_are_refused_since_version_6(content: dict[str, Any]) -> None:
    for version in (V1, V5):
        assert errcode_of(message(version, content=content), version) is None
    for version in (V6, V12):
        assert errcode_of(message(version, content=content), version) == "M_BAD_JSON"


def test_a_redaction_names_its_target_where_its_version_wants_it() -> None:
    by_version = [(V1, EVENT_ID_OF_V1), (V3, EVENT_ID_OF_V3), (V10, EVENT_ID_OF_V4)]
    for version, target in by_version:
        top_level = message(version, type="m.room.redaction", redacts=target)
        assert parse_pdu(top_level, version).redacts == target
        in_content = message(version, type="m.room.redaction", content={"redacts": target})
        assert parse_pdu(in_content, version).redacts is None
        assert errcode_of({**top_level, "redacts": 5}, version) == "M_BAD_JSON"
        assert parse_pdu({**top_level, "redacts": "nothing"}, version).redacts is None
    for version in (V11, V12):
        in_content = message(version, type="m.room.redaction", content={"redacts": EVENT_ID_OF_V4})
        assert parse_pdu(in_content, version).redacts == EVENT_ID_OF_V4
        assert parse_pdu({**in_content, "content": {"redacts": [5]}}, version).redacts is None
        assert parse_pdu({**in_content, "content": {}, "redacts": EVENT_ID_OF_V4}, version).redacts is None


def test_only_redactions_redact() -> None:
    assert parse_pdu(message(V10, redacts=EVENT_ID_OF_V4), V10).redacts is None
    assert errcode_of(message(V10, redacts=5), V10) is None


@EVERY_VERSION
def test_a_redacted_event_is_the_same_event_with_less_in_it(version: RoomVersion) -> None:
    event = example_event(version, "m.room.topic", {"topic": "secret"}, state_key="")
    redacted = redacted_event(event)
    assert redacted == event
    assert redacted.content == {}
    assert redacted.key == event.key
    assert parse_pdu(dict(redacted.pdu), version) == event


def test_deep_content_is_an_event_like_any_other() -> None:
    content: Any = {}
    for _ in range(300):
        content = {"a": content}
    for version in (V1, V12):
        assert isinstance(parse_pdu(message(version, content=content), version), Event)
    for _ in range(300):
        content = {"a": content}
    for version in (V1, V12):
        assert errcode_of(message(version, content=content), version) == "M_BAD_JSON"


def test_events_are_the_same_when_their_ids_are() -> None:
    event = example_event(V12)
    assert {event, redacted_event(event), parse_pdu(dict(event.pdu), V12)} == {event}
    assert event != parse_pdu(message(V12, depth=8), V12)
    assert event != event.event_id
