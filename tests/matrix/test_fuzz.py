"""Whatever a stranger sends, only `ProtocolError` comes out."""

import copy
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hs_core.matrix.canonical_json import decode_json
from hs_core.matrix.client_event import client_event, stripped_state
from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.event_signing import ServerKey, required_signers, verify_event_signatures
from hs_core.matrix.hashing import event_id_of, has_valid_content_hash
from hs_core.matrix.pdu import parse_pdu, redacted_event
from hs_core.matrix.redaction import redact
from hs_core.matrix.room_version import ROOM_VERSIONS, RoomVersion
from hs_core.matrix.signing import verify_json
from tests.matrix.examples import KEY, NOW, SERVER, example_event

# Every code point, lone surrogates and NUL included.
TEXT = st.text(alphabet=st.characters(codec=None), max_size=8)
SPECIAL = st.sampled_from(
    [2**53, -(2**53), 2**63, 10**30, 1e300, float("inf"), float("nan"), "@a:b.c", "!a:b.c", "$a:b.c", "x" * 300]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | SPECIAL,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
VERSIONS = st.sampled_from(list(ROOM_VERSIONS.values()))
EXAMPLES: list[tuple[str, dict[str, Any], str | None]] = [
    ("m.room.message", {"body": "x"}, None),
    ("m.room.member", {"membership": "invite", "third_party_invite": {"signed": {"mxid": "@a:b"}}}, "@bob:b.c"),
    ("m.room.member", {"membership": "join", "join_authorised_via_users_server": "@bob:b.c"}, "@alice:example.org"),
    ("m.room.power_levels", {"users": {"@alice:example.org": 100}, "events": {}}, ""),
    ("m.room.create", {"creator": "@alice:example.org", "additional_creators": []}, ""),
    ("m.room.redaction", {"redacts": "$" + "a" * 43}, None),
]
BUILT = {
    (version.identifier, index): dict(example_event(version, kind, content, state_key=state_key).pdu)
    for version in ROOM_VERSIONS.values()
    for index, (kind, content, state_key) in enumerate(EXAMPLES)
}


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) in a JSON value."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


def use_everything(pdu: Any, version: RoomVersion) -> None:
    """Do with a PDU from a stranger what a server does, in its order."""
    event = parse_pdu(pdu, version)
    if not has_valid_content_hash(event.pdu, version):
        event = redacted_event(event)
    client_event(event)
    if event.is_state:
        stripped_state(event)
    required_signers(event)
    verify_event_signatures(event, {SERVER: {KEY.key_id: ServerKey(KEY.verify_key, valid_until_ts=NOW)}})


def only_protocol_errors(pdu: Any, version: RoomVersion) -> None:
    with suppress(ProtocolError):
        use_everything(pdu, version)


@settings(max_examples=100, deadline=None)
@given(JSON, VERSIONS)
def test_random_json_is_refused_politely(value: Any, version: RoomVersion) -> None:
    only_protocol_errors(value, version)


@settings(max_examples=300, deadline=None)
@given(st.data(), VERSIONS, st.sampled_from(range(len(EXAMPLES))))
def test_real_events_with_something_changed_are_refused_politely(
    data: st.DataObject, version: RoomVersion, index: int
) -> None:
    pdu = copy.deepcopy(BUILT[version.identifier, index])
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(list(places(pdu))))
        if data.draw(st.booleans()) and isinstance(container, dict):
            del container[key]
        else:
            container[key] = data.draw(JSON)
    only_protocol_errors(pdu, version)


@settings(max_examples=100, deadline=None)
@given(st.data(), VERSIONS, st.sampled_from(range(len(EXAMPLES))))
def test_real_events_with_changed_bytes_are_refused_politely(
    data: st.DataObject, version: RoomVersion, index: int
) -> None:
    text = bytearray(json.dumps(BUILT[version.identifier, index]).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(
            st.integers(0, 255) | st.sampled_from(b'\\"{}[],:0e')
        )
    try:
        pdu = decode_json(bytes(text), strict=False)
    except ProtocolError:
        return
    only_protocol_errors(pdu, version)


def test_nesting_and_huge_integers_in_every_place_are_refused_politely() -> None:
    deep: Any = []
    for _ in range(100):
        deep = [deep]
    deeper: Any = {}
    for _ in range(5000):
        deeper = {"a": deeper}
    for version in ROOM_VERSIONS.values():
        for index in range(len(EXAMPLES)):
            for number, _ in enumerate(list(places(BUILT[version.identifier, index]))):
                for bad in (deep, deeper, 10**400):
                    pdu = copy.deepcopy(BUILT[version.identifier, index])
                    container, key = list(places(pdu))[number]
                    container[key] = bad
                    only_protocol_errors(pdu, version)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(TEXT, JSON, max_size=3), JSON, VERSIONS)
def test_objects_of_any_shape_can_be_hashed_redacted_and_verified(
    value: dict[str, Any], signatures: Any, version: RoomVersion
) -> None:
    value["signatures"] = signatures
    redact(value, version)
    has_valid_content_hash(value, version)
    with suppress(ProtocolError):
        event_id_of(value, version)
    with suppress(ProtocolError):
        verify_json(value, SERVER, {KEY.key_id: KEY.verify_key})
