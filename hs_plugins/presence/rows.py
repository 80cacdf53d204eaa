"""The rows of the stream `presence`."""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

import msgspec

from hs_core.matrix.identifiers import RoomId, UserId

State: TypeAlias = Literal["online", "unavailable", "offline"]

ONLINE: Final = "online"
UNAVAILABLE: Final = "unavailable"
OFFLINE: Final = "offline"


class PresenceRow(msgspec.Struct, frozen=True, array_like=True):
    """The presence of a user, from now on: the whole of it."""

    user_id: UserId
    presence: State
    status_msg: str | None
    last_active: int
    """Milliseconds since the epoch; 0 for never. While `currently_active`, it may have become later unsaid."""
    currently_active: bool
    rooms: tuple[RoomId, ...] = ()
    """Those that the user is in, so that everybody in them is told."""
    moved: tuple[RoomId, ...] | None = None
    """If the presence is as it was before, and only `rooms` have changed: those that the user has come to."""

    def content(self, now: int) -> dict[str, Any]:
        """What clients are shown. "The last active time must be up to date" when they are given it."""
        content: dict[str, Any] = {"presence": self.presence}
        if self.last_active:
            content["last_active_ago"] = max(0, now - self.last_active)
        if self.presence == ONLINE:
            content["currently_active"] = self.currently_active
        if self.status_msg is not None:
            content["status_msg"] = self.status_msg
        return content
