import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.unpadded_base64 import (
    decode_base64,
    decode_base64_urlsafe,
    encode_base64,
    encode_base64_urlsafe,
)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"f", "Zg"),
        (b"fo", "Zm8"),
        (b"foo", "Zm9v"),
        (b"foob", "Zm9vYg"),
        (b"fooba", "Zm9vYmE"),
        (b"foobar", "Zm9vYmFy"),
    ],
)
def test_the_examples_of_the_specification(data: bytes, text: str) -> None:
    assert encode_base64(data) == text
    assert decode_base64(text) == data


@given(st.binary(max_size=80))
def test_decoding_undoes_encoding_with_and_without_padding(data: bytes) -> None:
    assert decode_base64(encode_base64(data)) == data
    assert decode_base64(base64.b64encode(data).decode()) == data
    assert encode_base64_urlsafe(data) == base64.urlsafe_b64encode(data).decode().rstrip("=")
    assert decode_base64_urlsafe(encode_base64_urlsafe(data)) == data
    assert decode_base64_urlsafe(base64.urlsafe_b64encode(data).decode()) == data


@pytest.mark.parametrize("text", ["Z", "Zg=", "Zg===", "=", "Zg==Zg==", "Z g", "Zg\n", "Zg-_", "Zgé", "\ud800"])
def test_garbage_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        decode_base64(text)


@pytest.mark.parametrize("text", ["Z", "Zg=", "Z+8v", "Z/8v", "Zg!!"])
def test_garbage_and_the_other_alphabet_are_refused_when_url_safe(text: str) -> None:
    with pytest.raises(ProtocolError):
        decode_base64_urlsafe(text)
