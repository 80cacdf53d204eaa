"""What one request asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hs_core.matrix.filters import Filter
from hs_core.matrix.identifiers import DeviceId, RoomId, UserId
from hs_core.streams.token import EVENTS_KEY


@dataclass(frozen=True, slots=True)
class Wanted:
    """A sync: who wants to know what, from where on."""

    user_id: UserId
    device_id: DeviceId | None
    filter: Filter
    since: Mapping[str, int] | None
    """Positions by key of tokens; `None` for a client that knows nothing yet."""
    full_state: bool = False
    state_after: bool = False
    """`use_state_after`: the state at the end of timelines instead of that at their start."""
    timeout: float = 0.0
    """Seconds to wait for news."""

    @property
    def events_since(self) -> int | None:
        """The position of the events that the client has been told of."""
        return None if self.since is None else self.since.get(EVENTS_KEY, 0)


@dataclass(frozen=True, slots=True)
class RoomPlan:
    """One room that a response has to speak of, and which part of its history is new to the client."""

    room_id: RoomId
    membership: str
    """The user's membership at the end: `join`, or how it ended."""
    after: int
    """Events up to here have been told; 0 for all of them being news."""
    up_to: int
    full: bool
    """Whether the client knows nothing of the room's state."""
    newly_joined: bool = False
    was_joined: bool = True
    """Whether the user was joined at some time in this part of the history."""
    changed: bool = False
    """Whether the user's own membership changed in it."""
