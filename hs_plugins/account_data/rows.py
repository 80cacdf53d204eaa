"""The rows of the stream `account_data`."""

from __future__ import annotations

import msgspec

from hs_core.matrix.identifiers import RoomId, UserId


class AccountDataRow(msgspec.Struct, frozen=True, array_like=True):
    """One type of a user's account data has been set. A row replaces the one before of the same room and type."""

    user_id: UserId
    room_id: RoomId | None
    """`None` for what is of the whole account."""
    type: str
    content: bytes
    """A JSON object."""
