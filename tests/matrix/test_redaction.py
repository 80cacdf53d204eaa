from typing import Any

import pytest

from hs_core.matrix.redaction import redact
from hs_core.matrix.room_version import ROOM_VERSIONS, V1, V5, V6, V7, V8, V9, V10, V11, V12, RoomVersion

EVERY_VERSION = pytest.mark.parametrize("version", ROOM_VERSIONS.values(), ids=list(ROOM_VERSIONS))

ALWAYS_KEPT: dict[str, Any] = {
    "event_id": "$e:example.org",
    "type": "m.room.message",
    "room_id": "!r:example.org",
    "sender": "@alice:example.org",
    "state_key": "",
    "hashes": {"sha256": "x"},
    "signatures": {"example.org": {"ed25519:1": "x"}},
    "depth": 1,
    "prev_events": ["$p"],
    "auth_events": ["$a"],
    "origin_server_ts": 1,
}
KEPT_UP_TO_V10: dict[str, Any] = {"prev_state": [], "origin": "example.org", "membership": "join"}
NEVER_KEPT: dict[str, Any] = {"unsigned": {"age": 1}, "redacts": "$r", "age_ts": 1, "offensive": "words"}


def content_after_redaction(version: RoomVersion, event_type: str, content: Any) -> Any:
    return redact({"type": event_type, "content": content}, version)["content"]


@EVERY_VERSION
def test_only_the_essential_keys_stay(version: RoomVersion) -> None:
    event = {**ALWAYS_KEPT, **KEPT_UP_TO_V10, **NEVER_KEPT, "content": {"body": "words"}}
    kept = ALWAYS_KEPT if version in (V11, V12) else {**ALWAYS_KEPT, **KEPT_UP_TO_V10}
    assert redact(event, version) == {**kept, "content": {}}


@EVERY_VERSION
def test_redacting_twice_changes_nothing_more(version: RoomVersion) -> None:
    once = redact({**ALWAYS_KEPT, "type": "m.room.member", "content": {"membership": "join", "reason": "x"}}, version)
    assert redact(once, version) == once


@EVERY_VERSION
def test_the_original_stays_as_it_was(version: RoomVersion) -> None:
    event: dict[str, Any] = {
        **ALWAYS_KEPT,
        "type": "m.room.member",
        "content": {"third_party_invite": {"signed": {}, "x": 1}},
    }
    redact(event, version)
    assert event["content"] == {"third_party_invite": {"signed": {}, "x": 1}}


@pytest.mark.parametrize(
    ("event_type", "kept_since"),
    [
        ("m.room.member", {"membership": V1, "join_authorised_via_users_server": V9}),
        ("m.room.join_rules", {"join_rule": V1, "allow": V8}),
        (
            "m.room.power_levels",
            {
                **dict.fromkeys(("ban", "events", "events_default", "kick", "redact"), V1),
                **dict.fromkeys(("state_default", "users", "users_default"), V1),
                "invite": V11,
            },
        ),
        ("m.room.history_visibility", {"history_visibility": V1}),
        ("m.room.redaction", {"redacts": V11}),
        ("m.room.create", {"creator": V1, "room_version": V11, "m.federate": V11, "additional_creators": V11}),
        ("m.room.name", {}),
        ("m.room.message", {}),
    ],
)
@EVERY_VERSION
def test_each_type_keeps_the_content_that_its_version_protects(
    version: RoomVersion, event_type: str, kept_since: dict[str, RoomVersion]
) -> None:
    order = list(ROOM_VERSIONS.values())
    expected = {key: [key] for key, since in kept_since.items() if order.index(since) <= order.index(version)}
    everything = {key: [key] for key in kept_since}
    if not (event_type == "m.room.create" and version in (V11, V12)):
        everything["other"] = ["other"]
    assert content_after_redaction(version, event_type, everything) == expected


@pytest.mark.parametrize(("version", "kept"), [(V1, True), (V5, True), (V6, False), (V12, False)])
def test_aliases_survive_up_to_version_5(version: RoomVersion, kept: bool) -> None:
    content = {"aliases": ["#a:example.org"]}
    assert content_after_redaction(version, "m.room.aliases", content) == (content if kept else {})


def test_the_proof_of_a_third_party_invite_survives_since_version_11() -> None:
    content = {"membership": "invite", "third_party_invite": {"display_name": "Al", "signed": {"mxid": "@a:b"}}}
    assert content_after_redaction(V10, "m.room.member", content) == {"membership": "invite"}
    assert content_after_redaction(V11, "m.room.member", content) == {
        "membership": "invite",
        "third_party_invite": {"signed": {"mxid": "@a:b"}},
    }
    assert content_after_redaction(V11, "m.room.member", {"third_party_invite": {"x": 1}}) == {"third_party_invite": {}}
    assert content_after_redaction(V11, "m.room.member", {"third_party_invite": "words"}) == {}


@pytest.mark.parametrize("content", [None, "words", 1, ["words"]])
def test_content_of_a_wrong_type_becomes_empty(content: object) -> None:
    for version in (V7, V12):
        for event_type in ("m.room.create", "m.room.member", 5, None, ["m.room.member"]):
            assert redact({"type": event_type, "content": content}, version)["content"] == {}
