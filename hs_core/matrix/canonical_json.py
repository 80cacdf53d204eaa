"""Canonical JSON (specification, appendices, "Canonical JSON"): the one way to write a value that is hashed or signed.

Two flavours exist. *Strict* is the grammar of the appendix, which room versions since 6 and everything outside rooms
enforce. *Lenient* is for events of room versions 1 to 5, of which the specification says that "servers MUST NOT
strictly enforce the JSON format": integers of any size and floats are read and written as they are.
"""

import json
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import msgspec
import orjson

from hs_core.matrix.errors import ProtocolError

MAX_INTEGER: Final = 2**53 - 1
"""The largest integer of strict canonical JSON; the smallest is its negation."""

MAX_DEPTH: Final = 512
"""How many objects and arrays may be inside each other. The specification has no limit, but every implementation runs
into one near a thousand, ours depending on how deep the calling stack is: a fixed lower bound gives one answer always.
"""

_ORJSON_OPTIONS: Final = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER


class _Float(Exception):
    """Raised by the strict decoder for a number that is not written as an integer."""


def _refuse_float(literal: str) -> Any:
    raise _Float(literal)


_decode_strict = msgspec.json.Decoder(float_hook=_refuse_float).decode
_decode_lenient = msgspec.json.Decoder().decode


def decode_json(data: bytes | str, *, strict: bool = True) -> Any:
    """The value of a JSON text from a stranger.

    With `strict`, whatever is returned can be written by `encode_canonical`. Without, floats and integers of any size
    are accepted too. Of a key that is repeated in one object the last value counts, as with other servers.

    Raises:
        ProtocolError: `M_NOT_JSON` if the text is no JSON; `M_BAD_JSON` if it is, but has a lone surrogate, is nested
            deeper than `MAX_DEPTH`, has a number too large to read or, with `strict`, one that is not canonical.
    """
    try:
        value = _decode_strict(data) if strict else _decode_lenient(data)
    except (_Float, RecursionError, ValueError) as error:
        raise _why_undecodable(data, error) from None
    if strict:
        _refuse_other_numbers(value)
    if _may_be_too_deep(data):
        _check(value, strict)
    return value


def encode_canonical(value: Any, *, strict: bool = True) -> bytes:
    """The canonical JSON of a value as `decode_json` returns it.

    The fast path is orjson with sorted keys and 53-bit integers. It is byte-identical to the definition in the
    appendix: it writes no white space; it sorts keys by their UTF-8 bytes, which is the order of code points; it
    escapes exactly the quotation mark, the reverse solidus and U+0000 to U+001F, with the short escapes where JSON has
    them and lower-case `\\u00xx` where not; everything else is written as UTF-8. Integers have one spelling. What is
    outside the grammar it refuses, except floats, which are looked for here.

    Lenient values are written by the standard library, as other servers do: it spells floats as they do (`1e-07`).

    Raises:
        ProtocolError: `M_BAD_JSON` if the value has no canonical form.
    """
    if not strict:
        return _encode_slowly(value, strict=False)
    try:
        encoded = orjson.dumps(value, option=_ORJSON_OPTIONS)
    except TypeError:
        # Also for values deeper than the 254 levels of orjson, which are fine.
        return _encode_slowly(value, strict=True)
    _refuse_other_numbers(value)
    return encoded


def encode_json(value: Any, default: Callable[[Any], Any] | None = None) -> bytes:
    """JSON as it comes, for values that were read with `decode_json`: also for those deeper than orjson writes.

    `default` makes JSON of what is none. Raises TypeError if there is no such thing.
    """
    try:
        return orjson.dumps(value, default)
    except TypeError:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=partial(_plain, default)).encode()


def _plain(default: Callable[[Any], Any] | None, value: Any) -> Any:
    if isinstance(value, orjson.Fragment):
        return orjson.loads(orjson.dumps(value))
    if default is None:
        raise TypeError(f"{type(value).__name__} is no JSON")
    return default(value)


def _encode_slowly(value: Any, *, strict: bool) -> bytes:
    _check(value, strict)
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode()
    except UnicodeEncodeError:
        raise ProtocolError("a string has a lone surrogate") from None
    except (ValueError, RecursionError):
        # Infinity and NaN; integers with more digits than Python converts; a very deep calling stack.
        raise ProtocolError("a value that JSON cannot represent") from None


def _refuse_other_numbers(value: Any) -> None:
    """Refuse floats and large integers in a value that is otherwise known to be JSON. Every hash passes here."""
    pending = [value]
    for item in pending:
        kind = type(item)
        if kind is dict:
            pending.extend(item.values())
        elif kind is list or kind is tuple:
            pending.extend(item)
        elif kind is int or kind is float:
            _check_scalar(item, strict=True)


def _check(value: Any, strict: bool) -> None:
    """Refuse what has no canonical form, but for lone surrogates. Goes level by level, so depth costs no stack."""
    level = [value]
    depth = 0
    while level:
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                if not all(isinstance(key, str) for key in item):
                    raise ProtocolError("a key of an object is not a string")
                below.extend(item.values())
            elif isinstance(item, list | tuple):
                below.extend(item)
            else:
                _check_scalar(item, strict)
        depth += any(isinstance(item, dict | list | tuple) for item in level)
        if depth > MAX_DEPTH:
            raise ProtocolError(f"nested deeper than {MAX_DEPTH} levels")
        level = below


def _check_scalar(item: object, strict: bool) -> None:
    if isinstance(item, float):
        if strict:
            raise ProtocolError("a number is not an integer")
    elif isinstance(item, int):
        if strict and not -MAX_INTEGER <= item <= MAX_INTEGER:
            raise ProtocolError("an integer is outside -(2^53)+1 .. (2^53)-1")
    elif item is not None and not isinstance(item, str):
        raise ProtocolError(f"{type(item).__name__} is not a JSON type")


def _may_be_too_deep(data: bytes | str) -> bool:
    """A cheap look before an expensive one: hardly any document has so many brackets at all."""
    if isinstance(data, bytes):
        return data.count(b"[") + data.count(b"{") > MAX_DEPTH
    return data.count("[") + data.count("{") > MAX_DEPTH


def _why_undecodable(data: bytes | str, error: Exception) -> ProtocolError:
    """Tell text that is no JSON from JSON that we do not accept, by reading it again with a more tolerant parser."""
    if isinstance(error, _Float):
        return ProtocolError("a number is not an integer")
    try:
        text = data.decode() if isinstance(data, bytes) else data
        json.loads(text, parse_constant=_refuse_constant)
    except (UnicodeDecodeError, json.JSONDecodeError):
        return ProtocolError("the text is not JSON", "M_NOT_JSON")
    except RecursionError:
        return ProtocolError(f"nested deeper than {MAX_DEPTH} levels")
    except ValueError:
        return ProtocolError("a number has too many digits")
    return ProtocolError("a string has a lone surrogate, or a number is out of range")


def _refuse_constant(name: str) -> Any:
    raise json.JSONDecodeError(f"{name} is not JSON", name, 0)
