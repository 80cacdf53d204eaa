"""The tokens with which clients ask for more results."""

from __future__ import annotations

import base64
import binascii
from typing import Final, Literal

import msgspec

from hs_core.errors import InvalidParam

MAX_LENGTH: Final = 1_000

GroupKey = Literal["room_id", "sender"]


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """Where to go on. Whatever a client makes of it, what it is shown is only what it may see."""

    order: Literal["rank", "recent"]
    up_to: int
    """The newest position of the events among which the search goes on."""
    offset: int
    """How many of the ranked results have been shown."""
    count: int
    """How many results there seemed to be at the first request."""
    key: GroupKey | None = None
    """Only in one group: that with this value of the key."""
    value: str | None = None


def batch_to_token(batch: Batch) -> str:
    """The batch as clients carry it."""
    return base64.urlsafe_b64encode(msgspec.json.encode(batch)).decode().rstrip("=")


def batch_from_token(token: str) -> Batch:
    """Raises InvalidParam."""
    try:
        if len(token) > MAX_LENGTH:
            raise ValueError
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        batch = msgspec.json.decode(base64.urlsafe_b64decode(padded), type=Batch)
        if not -(2**63) < batch.up_to < 2**63 or batch.offset < 0 or not 0 <= batch.count < 2**53:
            raise ValueError
        if (batch.key is None) is not (batch.value is None) or "\0" in (batch.value or ""):
            raise ValueError
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise InvalidParam("`next_batch` is no token of a search") from None
    return batch
