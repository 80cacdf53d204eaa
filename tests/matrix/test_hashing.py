from typing import Any

import pytest

from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.hashing import (
    content_hash,
    create_event_id,
    event_id_of,
    has_valid_content_hash,
    reference_hash,
    room_id_from_create_event,
)
from hs_core.matrix.identifiers import EventId
from hs_core.matrix.redaction import redact
from hs_core.matrix.room_version import ROOM_VERSIONS, V1, V3, V4, V12, EventFormat, RoomVersion
from hs_core.matrix.unpadded_base64 import encode_base64, encode_base64_urlsafe
from tests.matrix.examples import example_event

EVERY_VERSION = pytest.mark.parametrize("version", ROOM_VERSIONS.values(), ids=list(ROOM_VERSIONS))


@EVERY_VERSION
def test_an_event_keeps_its_reference_hash_when_it_is_redacted_or_signed_again(version: RoomVersion) -> None:
    pdu = dict(example_event(version).pdu)
    changed = {**redact(pdu, version), "signatures": {"another": {}}, "unsigned": {"age": 3}}
    assert reference_hash(changed, version) == reference_hash(pdu, version)
    assert event_id_of(changed, version) == event_id_of(pdu, version)


@EVERY_VERSION
def test_the_content_hash_covers_everything_but_what_servers_may_change(version: RoomVersion) -> None:
    pdu = dict(example_event(version).pdu)
    assert has_valid_content_hash({**pdu, "unsigned": {"age": 3}, "signatures": {}}, version)
    assert not has_valid_content_hash({**pdu, "content": {"body": "Bye"}}, version)
    assert not has_valid_content_hash({**pdu, "depth": 8}, version)
    assert not has_valid_content_hash({**pdu, "added": True}, version)
    assert not has_valid_content_hash(redact(pdu, version), version)


@pytest.mark.parametrize("hashes", [None, [], {}, {"sha256": 1}, {"sha256": "!"}, {"sha256": ""}, {"sha256": "AAAA"}])
def test_a_malformed_content_hash_is_a_wrong_one(hashes: object) -> None:
    assert not has_valid_content_hash({**example_event(V12).pdu, "hashes": hashes}, V12)


def test_a_content_hash_may_be_padded() -> None:
    pdu: dict[str, Any] = {**example_event(V12).pdu}
    assert has_valid_content_hash({**pdu, "hashes": {"sha256": pdu["hashes"]["sha256"] + "="}}, V12)


def test_event_ids_are_the_reference_hash_in_the_alphabet_of_the_version() -> None:
    pdu = example_event(V4).pdu
    digest = reference_hash(pdu, V3)
    assert event_id_of(pdu, V3) == "$" + encode_base64(digest)
    assert event_id_of(pdu, V4) == "$" + encode_base64_urlsafe(digest)
    assert event_id_of({**pdu, "event_id": "$own:example.org"}, V1) == "$own:example.org"


def test_events_of_the_first_versions_must_bring_their_id() -> None:
    pdu = {key: value for key, value in example_event(V1).pdu.items() if key != "event_id"}
    for broken in (pdu, {**pdu, "event_id": 5}, {**pdu, "event_id": "own"}):
        with pytest.raises(ProtocolError):
            event_id_of(broken, V1)


@EVERY_VERSION
def test_floats_are_hashed_only_where_canonical_json_is_lenient(version: RoomVersion) -> None:
    pdu = {"type": "x", "content": {"n": 1.5, "big": 2**60}}
    if version.strict_canonical_json:
        with pytest.raises(ProtocolError):
            content_hash(pdu, version)
    else:
        assert len(content_hash(pdu, version)) == 32


@EVERY_VERSION
def test_two_events_with_different_essentials_have_different_ids(version: RoomVersion) -> None:
    if version.event_format is not EventFormat.ID_IN_EVENT:
        member = example_event(version, "m.room.member", {"membership": "join"}, state_key="@alice:example.org")
        left = {**member.pdu, "content": {"membership": "leave"}}
        assert event_id_of(left, version) != member.event_id


def test_a_room_is_named_after_its_create_event() -> None:
    event_id = EventId("$" + "a" * 43)
    assert room_id_from_create_event(event_id) == "!" + "a" * 43
    assert create_event_id(room_id_from_create_event(event_id)) == event_id
