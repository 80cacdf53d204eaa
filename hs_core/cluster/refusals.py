"""A refusal that travels from the process in which a call ran to the one that called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from hs_core import errors
from hs_core.errors import MatrixError


class _Written(msgspec.Struct, frozen=True, array_like=True):
    kind: str
    status: int
    errcode: str
    message: str
    extra: Mapping[str, Any] | None
    headers: Mapping[str, str] | None


_KINDS = {kind.__name__: kind for kind in vars(errors).values() if isinstance(kind, type)}


def write_refusal(error: MatrixError) -> bytes:
    """All that a client may be told of it."""
    written = _Written(type(error).__name__, error.status, error.errcode, error.message, error.extra, error.headers)
    return msgspec.msgpack.encode(written)


def read_refusal(data: bytes) -> MatrixError:
    """The same error of the same kind, so that it can be caught by that. Raises msgspec.MsgspecError."""
    written = msgspec.msgpack.decode(data, type=_Written)
    kind = _KINDS.get(written.kind, MatrixError)
    if not issubclass(kind, MatrixError):
        kind = MatrixError
    error = kind.__new__(kind)
    MatrixError.__init__(error, written.status, written.errcode, written.message, written.extra, written.headers)
    return error
