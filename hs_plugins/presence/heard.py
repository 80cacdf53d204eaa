"""What this process has said of the clients that sync here, so that it need not say it again with every sync."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hs_core.cache import LRU
from hs_core.matrix.identifiers import DeviceId, UserId
from hs_core.streams.batch import Batch
from hs_plugins.presence.rows import PresenceRow, State

SAID_AHEAD_MS: Final = 30 * 1000
"""A client is said to be connected for so much longer than is known; so long nothing more need be said."""
MAX_CLIENTS: Final = 20_000


@dataclass(frozen=True, slots=True)
class _Said:
    state: State
    until: int


class SaidOfClients:
    """Only in a process that follows the stream of presence: else it would not know what others have said since."""

    def __init__(self) -> None:
        self._said: LRU[UserId, dict[DeviceId | None, _Said]] = LRU(MAX_CLIENTS)

    def is_known(self, user: UserId, device: DeviceId | None, state: State, until: int) -> bool:
        """Whether it was said already that the client is connected until then."""
        said = (self._said.get(user) or {}).get(device)
        return said is not None and said.state == state and said.until >= until

    def remember(self, user: UserId, device: DeviceId | None, state: State, until: int) -> None:
        """It has been said."""
        self._said[user] = {**(self._said.get(user) or {}), device: _Said(state, until)}

    def hear(self, batch: Batch[PresenceRow]) -> None:
        """Forget what was said of users who are something else now, for whatever reason."""
        for _, row in batch.rows:
            said = self._said.get(row.user_id)
            if said is not None and any(each.state != row.presence for each in said.values()):
                self._said.pop(row.user_id)
