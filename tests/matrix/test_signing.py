from typing import Any

import pytest
import signedjson.key
import signedjson.sign
from hypothesis import given, settings
from hypothesis import strategies as st

from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.identifiers import KeyId
from hs_core.matrix.signing import BadSignature, SigningKey, VerifyKey, sign_json, signatures_of, verify_json
from hs_core.matrix.unpadded_base64 import encode_base64
from tests.matrix.examples import KEY, OTHER_KEY, SERVER

KEYS = {KEY.key_id: KEY.verify_key}
SIMPLE_OBJECTS = st.dictionaries(st.text(max_size=5), st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=5))


@settings(max_examples=50, deadline=None)
@given(SIMPLE_OBJECTS, st.binary(min_size=32, max_size=32))
def test_other_implementations_make_and_accept_the_same_signatures(value: dict[str, Any], seed: bytes) -> None:
    key = SigningKey("a_1", seed)
    theirs = signedjson.key.decode_signing_key_base64("ed25519", "a_1", encode_base64(seed))
    value.pop("signatures", None)
    signed = sign_json(value, SERVER, key)
    assert signed == signedjson.sign.sign_json(dict(value), SERVER, theirs)
    signedjson.sign.verify_signed_json(signed, SERVER, signedjson.key.get_verify_key(theirs))
    verify_json(signed, SERVER, {key.key_id: key.verify_key})


def test_a_key_is_read_from_the_line_that_it_writes() -> None:
    line = "ed25519 a_1 YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA0"
    key = SigningKey.from_text(line + "\n")
    assert key.to_text() == line
    assert key.key_id == "ed25519:a_1"
    assert VerifyKey.from_base64(key.verify_key.to_base64()) == key.verify_key
    assert repr(key) == "SigningKey(ed25519:a_1)"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ed25519 a_1",
        "ed25519 a-1 YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1",
        "rsa a_1 YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1",
        "ed25519 a_1 YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3",
        "ed25519 a_1 not*base64",
    ],
)
def test_other_lines_are_no_keys(line: str) -> None:
    with pytest.raises(ProtocolError):
        SigningKey.from_text(line)


def test_a_public_key_has_32_bytes() -> None:
    with pytest.raises(ProtocolError):
        VerifyKey.from_base64("AAAA")


def test_what_was_not_signed_may_change_and_nothing_else() -> None:
    signed = sign_json({"a": 1, "unsigned": {"age": 5}}, SERVER, KEY)
    verify_json({**signed, "unsigned": {"age": 6}}, SERVER, KEYS)
    for changed in ({**signed, "a": 2}, {**signed, "b": 1}, {"signatures": signed["signatures"]}):
        with pytest.raises(BadSignature):
            verify_json(changed, SERVER, KEYS)


def test_signatures_of_several_keys_and_servers_stand_beside_each_other() -> None:
    signed = sign_json(sign_json({"a": 1}, SERVER, KEY), SERVER, OTHER_KEY)
    assert set(signatures_of(signed, SERVER)) == {"ed25519:a_1", "ed25519:b_2"}
    verify_json(signed, SERVER, {**KEYS, OTHER_KEY.key_id: OTHER_KEY.verify_key})
    verify_json(signed, SERVER, KEYS)
    with pytest.raises(BadSignature):
        verify_json(signed, SERVER, {**KEYS, OTHER_KEY.key_id: KEY.verify_key})


def test_the_object_that_is_signed_stays_as_it_was() -> None:
    value: dict[str, Any] = {"a": 1, "signatures": {SERVER: {"ed25519:x": "y"}}}
    sign_json(value, SERVER, KEY)
    assert value == {"a": 1, "signatures": {SERVER: {"ed25519:x": "y"}}}


@pytest.mark.parametrize(
    "signatures",
    [
        None,
        [],
        {},
        {"example.org": None},
        {"example.org": []},
        {"example.org": {}},
        {"example.org": {"ed25519:a_1": None}},
        {"example.org": {"ed25519:a_1": "not*base64"}},
        {"example.org": {"ed25519:a_1": "AAAA"}},
        {"example.org": {"ed25519:a_1": "A" * 86}},
        {"example.org": {"ed25519:unknown": "A" * 86}},
        {"example.org": {"rsa:a_1": "A" * 86}},
        {"elsewhere.org": {"ed25519:a_1": "A" * 86}},
    ],
)
def test_missing_and_malformed_signatures_are_bad_signatures(signatures: object) -> None:
    with pytest.raises(BadSignature) as refused:
        verify_json({"a": 1, "signatures": signatures}, SERVER, {**KEYS, KeyId("rsa:a_1"): KEY.verify_key})
    assert refused.value.errcode == "M_FORBIDDEN"


def test_a_signature_cannot_be_added_to_something_else() -> None:
    wrong: list[Any] = [None, [], {"example.org": []}]
    for signatures in wrong:
        with pytest.raises(ProtocolError):
            sign_json({"signatures": signatures}, SERVER, KEY)
