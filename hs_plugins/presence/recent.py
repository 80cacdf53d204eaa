"""What this process has heard of who is online: the newest row of each user."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from hs_core.matrix.identifiers import UserId
from hs_core.streams.batch import Batch
from hs_plugins.presence.rows import PresenceRow

MAX_USERS: Final = 20_000
"""Users who are remembered: those whose presence changed last."""


class RecentPresence:
    """Knows every user of whom there was a row after `horizon`."""

    def __init__(self, horizon: int) -> None:
        self.horizon = horizon
        self._users: OrderedDict[UserId, tuple[int, PresenceRow]] = OrderedDict()

    def receive(self, batch: Batch[PresenceRow]) -> None:
        """The next rows of the stream."""
        for position, row in batch.rows:
            self._users[row.user_id] = (position, row)
            self._users.move_to_end(row.user_id)
            if len(self._users) > MAX_USERS:
                _, (self.horizon, _) = self._users.popitem(last=False)

    def of(self, user_id: UserId) -> PresenceRow | None:
        """The newest row of a user, if it is remembered."""
        known = self._users.get(user_id)
        return known[1] if known else None

    def newest(self) -> Iterator[tuple[int, PresenceRow]]:
        """Everybody, the newest rows first."""
        return reversed(self._users.values())
