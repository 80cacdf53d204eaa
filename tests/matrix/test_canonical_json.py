import json
from typing import Any

import canonicaljson
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hs_core.matrix.canonical_json import MAX_DEPTH, MAX_INTEGER, decode_json, encode_canonical, encode_json
from hs_core.matrix.errors import ProtocolError

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12)
# Strings around every boundary of escaping and of ordering, which random text hardly meets.
CORNERS = st.text(alphabet='\x00\x08\x09\x0a\x0b\x0c\x0d\x1f "\\/\x7f\x80\u2028\ud7ff\ue000\uffff\U00010000\U0010ffff<')
STRICT_INTEGERS = st.integers(-MAX_INTEGER, MAX_INTEGER)


def json_values(scalars: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        st.none() | st.booleans() | TEXT | CORNERS | scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT | CORNERS, inner, max_size=4),
        max_leaves=20,
    )


def as_in_the_appendix(value: Any) -> bytes:
    """The specification's definition, word for word."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode("UTF-8")


@settings(max_examples=300, deadline=None)
@given(json_values(STRICT_INTEGERS))
def test_strict_encoding_is_that_of_the_appendix_and_of_other_implementations(value: Any) -> None:
    encoded = encode_canonical(value)
    assert encoded == as_in_the_appendix(value)
    assert encoded == canonicaljson.encode_canonical_json(value)
    assert decode_json(encoded) == value


@settings(max_examples=100, deadline=None)
@given(json_values(st.integers() | st.floats(allow_nan=False, allow_infinity=False)))
def test_lenient_encoding_is_that_of_the_appendix(value: Any) -> None:
    encoded = encode_canonical(value, strict=False)
    assert encoded == as_in_the_appendix(value)
    assert decode_json(encoded, strict=False) == value


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("{}", "{}"),
        ('{"one": 1,\n "two": "Two"}', '{"one":1,"two":"Two"}'),
        ('{"b": "2", "a": "1"}', '{"a":"1","b":"2"}'),
        ('{"本": 2, "日": 1}', '{"日":1,"本":2}'),
        ('{"a": "\\u65E5"}', '{"a":"日"}'),
        ('{"a": null}', '{"a":null}'),
        ('{"a": -0}', '{"a":0}'),
        ('{"\\ud83d\\ude00": 1, "\\uffff": 2}', '{"\uffff":2,"\U0001f600":1}'),
    ],
)
def test_examples_are_made_canonical(text: str, canonical: str) -> None:
    for strict in (True, False):
        assert encode_canonical(decode_json(text, strict=strict), strict=strict) == canonical.encode()


@pytest.mark.parametrize("number", [MAX_INTEGER + 1, -MAX_INTEGER - 1, 2**64, 10**400, 1.0, 0.5, float("nan")])
def test_strict_json_has_only_integers_of_53_bits(number: float) -> None:
    for value in (number, [number], {"a": [{"b": number}]}):
        with pytest.raises(ProtocolError) as refused:
            encode_canonical(value)
        assert refused.value.errcode == "M_BAD_JSON"


@pytest.mark.parametrize("literal", ["1.0", "1e10", "1E2", "-0.0", "9007199254740992", "-9007199254740992", "1" * 5000])
def test_strict_parsing_refuses_numbers_that_cannot_be_written(literal: str) -> None:
    for text in (literal, f'{{"a": [{literal}]}}'):
        with pytest.raises(ProtocolError) as refused:
            decode_json(text)
        assert refused.value.errcode == "M_BAD_JSON"


def test_lenient_json_has_the_numbers_of_old_rooms() -> None:
    text = '{"big":100000000000000000000000000,"float":1e-07,"half":0.5}'
    assert encode_canonical(decode_json(text, strict=False), strict=False) == text.encode()


@pytest.mark.parametrize("literal", ["1e999", "-1e999", "1" * 5000])
def test_numbers_that_nobody_can_hold_are_bad_json_even_when_lenient(literal: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        decode_json(literal, strict=False)
    assert refused.value.errcode == "M_BAD_JSON"


@pytest.mark.parametrize("value", [float("inf"), [10**5000], {1: 2}, {None: 1}, {"a": b"b"}, {1, 2}])
def test_values_that_are_not_json_are_refused(value: Any) -> None:
    for strict in (True, False):
        with pytest.raises(ProtocolError):
            encode_canonical(value, strict=strict)


@pytest.mark.parametrize("text", ["", " ", "{", '{"a":}', "NaN", "Infinity", "1 2", "{'a': 1}", "\ufeff{}", "01"])
def test_text_that_is_not_json_is_called_so(text: str) -> None:
    for data in (text, text.encode()):
        with pytest.raises(ProtocolError) as refused:
            decode_json(data)
        assert refused.value.errcode == "M_NOT_JSON"


def test_bytes_that_are_not_utf8_are_not_json() -> None:
    for data in (b'"\xff"', b'"\xed\xa0\x80"', "{}".encode("utf-16")):
        with pytest.raises(ProtocolError) as refused:
            decode_json(data)
        assert refused.value.errcode == "M_NOT_JSON"


@pytest.mark.parametrize("text", ['"\\ud800"', '{"\\udfff": 1}', '["\\ud800\\u0041"]', '"\\udc00\\ud800"'])
def test_lone_surrogates_are_bad_json(text: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        decode_json(text)
    assert refused.value.errcode == "M_BAD_JSON"
    for strict in (True, False):
        with pytest.raises(ProtocolError):
            encode_canonical(json.loads(text), strict=strict)


def test_lone_surrogates_in_text_handed_in_are_bad_json() -> None:
    with pytest.raises(ProtocolError) as refused:
        decode_json('"\ud800"')
    assert refused.value.errcode == "M_BAD_JSON"


def test_the_last_of_repeated_keys_counts() -> None:
    assert decode_json('{"a": 1, "b": 2, "a": 3}') == {"a": 3, "b": 2}


@pytest.mark.parametrize("depth", [100, 254, 255, MAX_DEPTH])
@pytest.mark.parametrize("strict", [True, False])
def test_deep_nesting_is_read_and_written(depth: int, strict: bool) -> None:
    for text in (b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth):
        value = decode_json(text, strict=strict)
        assert encode_canonical(value, strict=strict) == text


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 2000, 200_000])
@pytest.mark.parametrize("strict", [True, False])
def test_too_deep_nesting_is_bad_json(depth: int, strict: bool) -> None:
    for text in (b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth):
        with pytest.raises(ProtocolError) as refused:
            decode_json(text, strict=strict)
        assert refused.value.errcode == "M_BAD_JSON"


@pytest.mark.parametrize("strict", [True, False])
def test_too_deep_values_are_not_written(strict: bool) -> None:
    value: Any = 1
    for _ in range(MAX_DEPTH + 1):
        value = [value]
    with pytest.raises(ProtocolError):
        encode_canonical(value, strict=strict)


def test_many_brackets_that_are_not_deep_are_read() -> None:
    assert decode_json("[" + "[]," * 2000 + "[]]") == [[]] * 2001
    assert decode_json('"' + "[" * 2000 + '"') == "[" * 2000


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=30) | st.text(alphabet='[]{}",:0123456789.eE-\\ud8 tn', max_size=30))
def test_bytes_of_any_kind_are_read_or_refused(data: bytes | str) -> None:
    for strict in (True, False):
        try:
            value = decode_json(data, strict=strict)
        except ProtocolError:
            continue
        assert decode_json(encode_canonical(value, strict=strict), strict=strict) == value


def test_what_is_deeper_than_orjson_writes_is_written_all_the_same() -> None:
    deep: list[Any] = []
    for _ in range(400):
        deep = [deep]
    value = {"fragment": orjson.Fragment(b'{"a":1}'), "set": {1}, "text": "é\u2028"}
    written = encode_json({**value, "deep": deep}, sorted)

    assert decode_json(written) == {"fragment": {"a": 1}, "set": [1], "text": "é\u2028", "deep": deep}
    assert decode_json(encode_json(value, sorted)) == {"fragment": {"a": 1}, "set": [1], "text": "é\u2028"}
    for wrong in (value, {**value, "deep": deep}):
        with pytest.raises(TypeError):
            encode_json(wrong)
