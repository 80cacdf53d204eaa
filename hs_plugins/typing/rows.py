"""The rows of the stream `typing`."""

from __future__ import annotations

import msgspec

from hs_core.matrix.identifiers import RoomId, UserId


class TypingRow(msgspec.Struct, frozen=True, array_like=True):
    """Who types in a room now, in the order in which they began: everybody, whoever it was that changed."""

    room_id: RoomId
    user_ids: tuple[UserId, ...]
