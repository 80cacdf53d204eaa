"""What is ephemeral and concerns an application service ("Pushing ephemeral data"): who types, who is online, receipts.

Who types and who is online is kept while the service is busy or away, but only the newest of it. Receipts are read from
their stream, whose position is saved with the service's progress.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import orjson

from hs_core.cache import LRU
from hs_core.clock import Clock
from hs_core.core import Core
from hs_core.db import Database
from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.streams.batch import Batch
from hs_core.streams.follower import Follower
from hs_plugins.appservice.interests import Interests
from hs_plugins.presence.api import PRESENCE_CHANGES, PresenceRow
from hs_plugins.receipts.api import RECEIPT_CHANGES, ReceiptRow
from hs_plugins.typing.api import TYPING_CHANGES, TypingRow

MAX_KEPT: Final = 1_000
"""Rooms in which somebody types, and users whose presence changed."""
AT_ONCE: Final = 100
"""Receipts, typing rooms, and presences of one transaction."""
MAX_ROOMS: Final = 200
"""Rooms of a user of which is looked whether the service is in one of them."""


@dataclass(frozen=True)
class MomentStreams:
    """Where it all comes from, in one process."""

    typing: Follower[TypingRow]
    presence: Follower[PresenceRow]
    receipts: Follower[ReceiptRow]

    @classmethod
    async def follow(cls, core: Core) -> MomentStreams:
        """Hear of it from now on."""
        streams = cls(core.follower(TYPING_CHANGES), core.follower(PRESENCE_CHANGES), core.follower(RECEIPT_CHANGES))
        for follower in (streams.typing, streams.presence, streams.receipts):
            await follower.awake()
        return streams


class Moments:
    """Those of one service, in the process that sends to it."""

    def __init__(
        self, streams: MomentStreams, interests: Interests, db: Database, clock: Clock, news: Callable[[], None]
    ) -> None:
        """`news` is called when there may be something to send."""
        self._receipts = streams.receipts
        self._interests = interests
        self._db = db
        self._clock = clock
        self._news = news
        self._typing: LRU[RoomId, TypingRow] = LRU(MAX_KEPT)
        self._shown: LRU[RoomId, bool] = LRU(MAX_KEPT)
        self._presence: LRU[UserId, PresenceRow] = LRU(MAX_KEPT)
        self.wanted = False
        streams.typing.subscribe(self._hear_typing)
        streams.presence.subscribe(self._hear_presence)
        streams.receipts.subscribe(self._hear_receipts)

    def begin(self, *, wanted: bool) -> None:
        """Whether this process is the one that sends to the service, from now on."""
        self.wanted = wanted
        for kept in (self._typing, self._shown, self._presence):
            kept.clear()

    async def take(self, receipts_after: int) -> tuple[list[bytes], int]:
        """Events to send, and how far in the stream of receipts they go."""
        rows, up_to = await self._next_receipts(receipts_after)
        events = [*await self._who_types(), *await self._who_is_online(), *receipt_events(rows)]
        return [orjson.dumps(event) for event in events], up_to

    async def _who_types(self) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = []
        for room_id in list(self._typing)[:AT_ONCE]:
            row = self._typing.pop(room_id)
            # Nobody needs to hear that nobody types any more who has not heard of somebody.
            if row is None or not (row.user_ids or room_id in self._shown):
                continue
            if await self._interests.concerns_room(room_id):
                content = {"user_ids": list(row.user_ids)}
                told.append({"type": "m.typing", "room_id": room_id, "content": content})
                self._shown[room_id] = True
            if not row.user_ids:
                self._shown.pop(room_id)
        return told

    async def _who_is_online(self) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = []
        now = self._clock.now_ms()
        for user in list(self._presence)[:AT_ONCE]:
            row = self._presence.pop(user)
            if row is not None and await self._concerns_user(row):
                told.append({"type": "m.presence", "sender": user, "content": row.content(now)})
        return told

    async def _concerns_user(self, row: PresenceRow) -> bool:
        """ "a presence update for a user an application service shares a room with, or matching one of the application
        service's namespaces"
        """
        if self._interests.has_user(row.user_id):
            return True
        for room_id in row.rooms[:MAX_ROOMS]:
            if await self._interests.concerns_room(room_id):
                return True
        return False

    async def _next_receipts(self, after: int) -> tuple[list[ReceiptRow], int]:
        up_to, load = self._receipts.position, self._receipts.stream.load
        if up_to <= after:
            return [], after
        rows = await self._db.read(lambda tx: load(tx, after, up_to, AT_ONCE))
        return [row for _, row in rows if await self._concerns_receipt(row)], (
            rows[-1][0] if len(rows) == AT_ONCE else up_to
        )

    async def _concerns_receipt(self, row: ReceiptRow) -> bool:
        # "Private read receipts MUST only be sent for users matching one of the application service's namespaces."
        if row.is_private and not self._interests.has_user(row.user_id):
            return False
        return await self._interests.concerns_room(row.room_id)

    def _hear_typing(self, batch: Batch[TypingRow]) -> None:
        if self.wanted:
            for _, row in batch.rows:
                self._typing[row.room_id] = row
            self._news()

    def _hear_presence(self, batch: Batch[PresenceRow]) -> None:
        if self.wanted:
            for _, row in batch.rows:
                if row.moved is None:
                    self._presence[row.user_id] = row
            self._news()

    def _hear_receipts(self, batch: Batch[ReceiptRow]) -> None:
        if self.wanted:
            self._news()


def receipt_events(rows: Iterable[ReceiptRow]) -> list[dict[str, Any]]:
    """One `m.receipt` for each room and thread: a user's receipts of several threads may be for the same event."""
    contents: dict[tuple[RoomId, str | None], dict[str, Any]] = {}
    for row in rows:
        said: dict[str, Any] = {"ts": row.ts}
        if row.thread_id is not None:
            said["thread_id"] = row.thread_id
        content = contents.setdefault((row.room_id, row.thread_id), {})
        content.setdefault(row.event_id, {}).setdefault(row.type, {})[row.user_id] = said
    return [{"type": "m.receipt", "room_id": room_id, "content": content} for (room_id, _), content in contents.items()]
