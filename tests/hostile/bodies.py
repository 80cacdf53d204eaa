"""JSON that is wrong in one place, made from what the specification says about a request's body."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from tests.spec.schema import Operation

_EXAMPLES = {"string": "x", "integer": 1, "number": 1, "boolean": True, "array": [], "object": {}}
_MOST_PLACES = 25

NO_OBJECTS = [b"[]", b'"x"', b"1", b"null", b"true", b"[{}]"]
NO_JSON = [b"{", b"{]", b"\xff\xfe{}", b'{"a":"\xff"}', b"{'a':1}", b'{"a":NaN}', b"\x00", b'{"a":1}}', b'{"a":01}']
NO_GOOD = [
    b'{"a":' * 500 + b"1" + b"}" * 500,
    b"[" * 50_000,
    b'{"a":' * 20_000,
    b'{"a":"\\ud800"}',
    b'{"a":"\\u0000"}',
    b'{"a":1e999}',
    b'{"a":' + b"9" * 5_000 + b"}",
    b"{" + b",".join(b'"%d":{}' % number for number in range(5_000)) + b"}",
]
WRONG: list[Any] = [None, True, -(2**63), 1.5, "", "\0", "x" * 5_000, "@a:b", [], [None], {"": {}}]
"""Of every JSON type something, so that some of it is wrong wherever it stands."""


def sample(said: Operation | None) -> Any:
    """A body that the specification has nothing against, with as many of its keys as it documents."""
    return _sample(said.asked.get("schema", {}), 0) if said is not None else {}


def _sample(schema: dict[str, Any], depth: int) -> Any:
    if depth > 8:
        return {}
    if "allOf" in schema or schema.get("type") == "object" or "properties" in schema:
        return _object(schema, depth)
    if "example" in schema:
        return schema["example"]
    for key in ("oneOf", "anyOf"):
        if key in schema:
            return _sample(schema[key][0], depth + 1)
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "array" and isinstance(schema.get("items"), dict):
        return [_sample(schema["items"], depth + 1)]
    return _EXAMPLES.get(kind or "object")


def _object(schema: dict[str, Any], depth: int) -> Any:
    found: dict[str, Any] = {}
    for part in schema.get("allOf", []):
        inner = _sample(part, depth + 1)
        found |= inner if isinstance(inner, dict) else {}
    for key, value in schema.get("properties", {}).items():
        found[key] = _sample(value, depth + 1)
    example = schema.get("example")
    return found | example if isinstance(example, dict) else found


def wrong_somewhere(body: Any) -> Iterator[bytes]:
    """`body` with another value in each place in turn, from the outermost inwards."""
    for place in list(_places(body))[:_MOST_PLACES]:
        for value in WRONG:
            yield orjson.dumps(_put(body, place, value), option=orjson.OPT_NON_STR_KEYS)


def _places(value: Any) -> Iterator[tuple[Any, ...]]:
    level: list[tuple[tuple[Any, ...], Any]] = [((), value)]
    while level:
        below = []
        for place, inner in level:
            keys: Any = (
                inner.keys() if isinstance(inner, dict) else range(len(inner)) if isinstance(inner, list) else ()
            )
            for key in keys:
                yield (*place, key)
                below.append(((*place, key), inner[key]))
        level = below


def _keys(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value)
    return list(range(len(value))) if isinstance(value, list) else []


def _put(value: Any, place: tuple[Any, ...], new: Any) -> Any:
    if not place:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[place[0]] = _put(copy[place[0]], place[1:], new)
    return copy
