"""The content of `m.room.join_rules` (client-server API, "Restricted rooms")."""

from collections.abc import Mapping
from typing import Any, Final

from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.identifiers import RoomId, parse_room_id

MAX_CONDITIONS: Final = 500
"""Entries of `allow` that are looked at."""


def allowed_rooms(content: Mapping[str, Any] | None) -> list[RoomId]:
    """The rooms of the `m.room_membership` conditions: their members may join, where the join rule asks for it.

    Conditions that are not understood let nobody in.
    """
    conditions = content.get("allow") if content is not None else None
    if not isinstance(conditions, list):
        return []
    rooms = []
    for condition in conditions[:MAX_CONDITIONS]:
        if isinstance(condition, dict) and condition.get("type") == "m.room_membership":
            try:
                rooms.append(parse_room_id(condition.get("room_id")))
            except ProtocolError:
                continue
    return rooms
