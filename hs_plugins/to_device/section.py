"""The part of `/sync` that hands out messages: `to_device`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import orjson
import structlog

from hs_core.core import Core
from hs_core.db import Database, DatabaseUnavailable
from hs_core.plugin import Parts, Section, SectionEvent, Window
from hs_plugins.to_device import store
from hs_plugins.to_device.api import TO_DEVICE_MESSAGES
from hs_plugins.to_device.recent import RecentMessages
from hs_plugins.to_device.store import Place, Placed

MAX_TOLD: Final = 100
"""Messages of one response."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class ToDeviceSection:
    """Tells from memory, or else from the database.

    "When a client calls `/sync` again with the `next_batch` token from the first response, the server should infer
    that any send-to-device messages in that response have been delivered successfully, and delete them".
    """

    db: Database
    recent: RecentMessages

    @classmethod
    def of(cls, core: Core) -> ToDeviceSection:
        """That of one process."""
        follower = core.follower(TO_DEVICE_MESSAGES)
        recent = RecentMessages(follower.position)
        follower.subscribe(recent.receive)
        return cls(core.db, recent)

    async def collect(self, window: Window) -> Parts | None:
        if window.device_id is None:
            return None
        place, after = (window.user_id, window.device_id), window.after
        if after is not None:
            await self._delete(place, after)
        if after is not None and after >= self.recent.horizon:
            waiting: Sequence[Placed] = self.recent.after(place, after, window.up_to, MAX_TOLD + 1)
        else:
            waiting = await self.db.read(lambda tx: store.waiting(tx, place, after or 0, window.up_to, MAX_TOLD + 1))
        return _parts(waiting) if waiting else None

    async def _delete(self, place: Place, after: int) -> None:
        """The client came with a token of `after`: what it has been told until then is of no use any more."""
        told = self.recent.proven(place, after)
        if not told and place in self.recent.known:
            return
        try:
            if told or await self.db.read(lambda tx: store.any_until(tx, place, after)):
                await self.db.write(lambda tx: store.forget_until(tx, place, after))
        except DatabaseUnavailable:
            self.recent.known.pop(place)  # it is looked for again
            log.warning("messages that were delivered are still there", user=place[0], device=place[1])
        else:
            self.recent.known[place] = True


def _parts(waiting: Sequence[Placed]) -> Parts:
    told = waiting[:MAX_TOLD]
    events = [
        SectionEvent(
            row.type,
            row.sender,
            orjson.dumps({"type": row.type, "sender": row.sender, "content": orjson.Fragment(row.content)}),
        )
        for _, row in told
    ]
    return Parts(events={"to_device": events}, up_to=told[-1][0] if len(waiting) > MAX_TOLD else None)


SECTION = Section(
    "td",
    TO_DEVICE_MESSAGES,
    concerns=lambda row: (row.user_id,),
    open=ToDeviceSection.of,
    every_time=True,  # the token alone is news to it
)
