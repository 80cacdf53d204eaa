"""Python's values to and from PostgreSQL's wire format."""

import struct
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from psycopg.adapt import AdaptersMap
from psycopg.pq import Format
from psycopg.types.numeric import NumericBinaryLoader

from hs_core.db.database import Param
from hs_core.db.values import checked

# Type numbers that never change. None: PostgreSQL takes the type from where the parameter stands.
_BOOL, _BYTEA, _INT8, _FLOAT8, _FROM_ITS_PLACE = 16, 17, 20, 701, 0

Encoder: TypeAlias = tuple[int, int, Callable[[Any], bytes | None]]
"""Type number, wire format, and what makes the bytes."""

_INT8_BYTES = struct.Struct(">q")
_FLOAT8_BYTES = struct.Struct(">d")


def _array(values: Sequence[Any]) -> bytes:
    return f"{{{','.join(map(_element, values))}}}".encode()


def _element(value: Any) -> str:
    match checked(value):
        case None:
            return "NULL"
        case bytes():
            return f'"\\\\x{value.hex()}"'
        case str():
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            return f'"{escaped}"'
        case _:
            return str(value)


_ENCODERS: dict[type, Encoder] = {
    int: (_INT8, Format.BINARY, lambda value: _INT8_BYTES.pack(checked(value))),
    str: (_FROM_ITS_PLACE, Format.TEXT, lambda value: checked(value).encode()),
    bytes: (_BYTEA, Format.BINARY, bytes),
    bytearray: (_BYTEA, Format.BINARY, bytes),
    memoryview: (_BYTEA, Format.BINARY, bytes),
    bool: (_BOOL, Format.BINARY, lambda value: b"\1" if value else b"\0"),
    float: (_FLOAT8, Format.BINARY, _FLOAT8_BYTES.pack),
    type(None): (_FROM_ITS_PLACE, Format.TEXT, lambda _: None),
    list: (_FROM_ITS_PLACE, Format.TEXT, _array),
    tuple: (_FROM_ITS_PLACE, Format.TEXT, _array),
}


def encode(params: Sequence[Param]) -> tuple[tuple[int, ...], list[bytes | None], list[int]]:
    """The parameters' type numbers, bytes and wire formats. Raises BadParameter, and TypeError for another type."""
    types: list[int] = []
    values: list[bytes | None] = []
    formats: list[int] = []
    for param in params:
        encoder = _ENCODERS.get(type(param)) or _encoder_of_subclass(param)
        types.append(encoder[0])
        formats.append(encoder[1])
        values.append(encoder[2](param))
    return tuple(types), values, formats


def _encoder_of_subclass(param: object) -> Encoder:
    for base in type(param).__mro__:
        if base in _ENCODERS:
            return _ENCODERS[base]
    raise TypeError(f"{type(param).__name__} is not a type that a column can hold")


class _NumberLoader(NumericBinaryLoader):
    """`SUM` of BIGINT is a NUMERIC in PostgreSQL: an int for us, as from SQLite."""

    def load(self, data: Any) -> Any:
        number = super().load(data)
        return int(number) if number == number.to_integral_value() else float(number)


def register_loaders(adapters: AdaptersMap) -> None:
    """Let results have only the types of `Scalar`."""
    adapters.register_loader("numeric", _NumberLoader)
