"""A delayed event as a value."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from hs_core.matrix.identifiers import DeviceId, EventId, RoomId, UserId
from hs_plugins.rooms.api import DELAYED, Draft


class Delayed(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was scheduled; its fields are the columns of its table."""

    delay_id: str
    user_id: UserId
    device_id: DeviceId | None
    """Whose transaction it was."""
    txn_id: str | None
    room_id: RoomId
    type: str
    state_key: str | None
    content: bytes
    """A JSON object."""
    origin_server_ts: int | None
    delay_ms: int
    running_since: int
    outcome: str | None = None
    """`None`: it is scheduled still. Else it is finalised: `send`, `cancel` or `error`."""
    finalised_ts: int | None = None
    event_id: EventId | None = None
    error: bytes | None = None

    @property
    def due_ts(self) -> int:
        return self.running_since + self.delay_ms

    def draft(self) -> Draft:
        """What is sent when its time has come. However often that is tried, one event comes of it."""
        return Draft(
            sender=self.user_id,
            type=self.type,
            content=orjson.loads(self.content),
            state_key=self.state_key,
            device_id=DELAYED,
            txn_id=self.delay_id,
            origin_server_ts=self.origin_server_ts,
        )

    def to_json(self) -> dict[str, Any]:
        """As its owner sees it ("Getting delayed events")."""
        shown = {
            "delay_id": self.delay_id,
            "room_id": self.room_id,
            "type": self.type,
            "state_key": self.state_key,
            "delay": self.delay_ms,
            "running_since": self.running_since,
            "content": orjson.Fragment(self.content),
            "error": None if self.error is None else orjson.Fragment(self.error),
            "event_id": self.event_id,
            "origin_server_ts": self.finalised_ts,
        }
        return {name: value for name, value in shown.items() if value is not None}
