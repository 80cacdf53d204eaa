from typing import Any

import pytest

from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.event import Event
from hs_core.matrix.event_signing import (
    ServerKey,
    bounded_validity,
    required_signers,
    sign_event,
    signing_key_ids,
    verify_event_signature,
    verify_event_signatures,
)
from hs_core.matrix.identifiers import KeyId, ServerName
from hs_core.matrix.pdu import event_from_trusted_json, redacted_event
from hs_core.matrix.room_version import ROOM_VERSIONS, V1, V2, V4, V5, V7, V8, V11, V12, RoomVersion
from hs_core.matrix.signing import BadSignature, SigningKey
from tests.matrix.examples import BOB, KEY, NOW, OTHER_KEY, SERVER, example_event

EVERY_VERSION = pytest.mark.parametrize("version", ROOM_VERSIONS.values(), ids=list(ROOM_VERSIONS))
ELSEWHERE = ServerName("elsewhere.org")


def published(key: SigningKey, **times: int) -> dict[KeyId, ServerKey]:
    return {key.key_id: ServerKey(key.verify_key, **(times or {"valid_until_ts": NOW}))}


def changed(event: Event, **fields: Any) -> Event:
    return event_from_trusted_json({**event.pdu, **fields}, event.room_version, event.event_id)


@EVERY_VERSION
def test_an_event_and_its_redacted_copy_have_the_same_signature(version: RoomVersion) -> None:
    event = example_event(version)
    verify_event_signature(event, SERVER, published(KEY))
    verify_event_signature(redacted_event(event), SERVER, published(KEY))


@EVERY_VERSION
def test_an_event_that_was_changed_is_not_signed(version: RoomVersion) -> None:
    with pytest.raises(BadSignature):
        verify_event_signature(changed(example_event(version), depth=8), SERVER, published(KEY))
    with pytest.raises(BadSignature):
        verify_event_signature(changed(example_event(version), hashes={"sha256": ""}), SERVER, published(KEY))


def test_signatures_by_unknown_keys_are_skipped_and_by_known_keys_must_be_right() -> None:
    event = example_event(V11, keys=(KEY, OTHER_KEY))
    assert signing_key_ids(event, SERVER) == {"ed25519:a_1", "ed25519:b_2"}
    verify_event_signature(event, SERVER, published(KEY) | published(OTHER_KEY))
    verify_event_signature(event, SERVER, published(OTHER_KEY))
    wrong = {OTHER_KEY.key_id: ServerKey(KEY.verify_key, valid_until_ts=NOW)}
    with pytest.raises(BadSignature):
        verify_event_signature(event, SERVER, published(KEY) | wrong)
    with pytest.raises(BadSignature):
        verify_event_signature(event, SERVER, {})
    with pytest.raises(BadSignature):
        verify_event_signature(event, ELSEWHERE, published(KEY))


def test_a_wrong_signature_by_an_expired_key_is_skipped() -> None:
    event = example_event(V11, keys=(KEY, OTHER_KEY))
    expired = {OTHER_KEY.key_id: ServerKey(KEY.verify_key, expired_ts=NOW - 1)}
    verify_event_signature(event, SERVER, published(KEY) | expired)


@pytest.mark.parametrize(("version", "enforced"), [(V1, False), (V4, False), (V5, True), (V12, True)])
def test_a_key_must_be_valid_at_the_time_of_the_event_since_version_5(version: RoomVersion, enforced: bool) -> None:
    event = example_event(version)
    verify_event_signature(event, SERVER, published(KEY, valid_until_ts=NOW))
    if enforced:
        with pytest.raises(BadSignature):
            verify_event_signature(event, SERVER, published(KEY, valid_until_ts=NOW - 1))
    else:
        verify_event_signature(event, SERVER, published(KEY, valid_until_ts=NOW - 1))


@EVERY_VERSION
def test_a_key_that_was_retired_before_the_event_did_not_sign_it(version: RoomVersion) -> None:
    event = example_event(version)
    verify_event_signature(event, SERVER, published(KEY, expired_ts=NOW))
    with pytest.raises(BadSignature):
        verify_event_signature(event, SERVER, published(KEY, expired_ts=NOW - 1))


def test_keys_are_trusted_for_a_week_at_most() -> None:
    week = 7 * 24 * 3600 * 1000
    assert bounded_validity(NOW + 1, NOW) == NOW + 1
    assert bounded_validity(NOW + 10 * week, NOW) == NOW + week


@EVERY_VERSION
def test_the_server_of_the_sender_must_sign(version: RoomVersion) -> None:
    assert required_signers(example_event(version)) == {SERVER}


@pytest.mark.parametrize(("version", "needed"), [(V1, True), (V2, True), (V4, False)])
def test_the_server_in_the_event_id_must_sign_up_to_version_2(version: RoomVersion, needed: bool) -> None:
    event = example_event(version, sender=BOB)
    assert required_signers(event) == ({SERVER, ELSEWHERE} if needed else {ELSEWHERE})


def test_the_server_that_let_somebody_in_must_sign_since_version_8() -> None:
    content = {"membership": "join", "join_authorised_via_users_server": "@bob:elsewhere.org"}
    for version, signers in ((V7, {SERVER}), (V8, {SERVER, ELSEWHERE})):
        event = example_event(version, "m.room.member", content, state_key="@alice:example.org")
        assert required_signers(event) == signers
    message = example_event(V8, "m.room.message", content)
    assert required_signers(message) == {SERVER}


def test_a_server_that_let_somebody_in_without_a_name_is_refused() -> None:
    for authoriser in (5, "", "bob", ["@bob:elsewhere.org"]):
        content = {"membership": "join", "join_authorised_via_users_server": authoriser}
        event = example_event(V8, "m.room.member", content, state_key="@alice:example.org")
        with pytest.raises(ProtocolError):
            required_signers(event)


def test_the_server_of_the_sender_need_not_sign_a_third_party_invite() -> None:
    content = {"membership": "invite", "third_party_invite": {"signed": {}}}
    assert required_signers(example_event(V11, "m.room.member", content, state_key=BOB)) == set()
    assert required_signers(example_event(V1, "m.room.member", content, state_key=BOB)) == {SERVER}


def test_a_restricted_join_is_valid_when_both_servers_signed() -> None:
    content = {"membership": "join", "join_authorised_via_users_server": "@bob:elsewhere.org"}
    join = example_event(V11, "m.room.member", content, state_key="@alice:example.org")
    keys = {SERVER: published(KEY), ELSEWHERE: published(OTHER_KEY)}
    with pytest.raises(BadSignature):
        verify_event_signatures(join, keys)
    confirmed = sign_event(join.pdu, V11, ELSEWHERE, OTHER_KEY)
    verify_event_signatures(event_from_trusted_json(confirmed, V11, join.event_id), keys)
