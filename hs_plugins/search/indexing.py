"""Keep the index: what events say, from the stream, and from the history that comes from other servers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import msgspec

from hs_core.cluster.feeds import Portion
from hs_core.db import Database, Transaction
from hs_core.streams.follower import Follower
from hs_plugins.rooms.api import EVENTS, EventRow, RoomsRead
from hs_plugins.search import store
from hs_plugins.search.values import KEYS, Text, texts_in
from hs_plugins.search.words import MAX_WORDS, words_of

HISTORY_AT_ONCE: Final = 500
_BEGINNING: Final = -(2**63)


class _Event(msgspec.Struct):
    content: dict[str, Any]


_decode = msgspec.json.Decoder(_Event).decode


@dataclass(frozen=True)
class Indexer:
    """What it does can be done again without harm."""

    db: Database
    rooms: RoomsRead
    events: Follower[EventRow]

    async def take_in(self, portion: Portion) -> None:
        """The feed: new texts come, redacted ones go."""
        texts = [text for position, row in portion.rows if (text := _text(position, row)) is not None]
        redacts = [row.redacts for _, row in portion.rows if row.redacts is not None]
        if redacts:
            await self.events.reached(portion.up_to)  # what is in memory knows of the redactions from then on
        targets = await self.rooms.timelines.events(redacts)
        redacted = [event_id for event_id, stored in targets.items() if stored.redacted_by is not None]

        def work(tx: Transaction) -> None:
            store.put(tx, texts)
            store.remove(tx, redacted)
            portion.done(tx)

        await self.db.write(work)

    async def take_in_history(self) -> None:
        """The task: events that come before those of the stream, from the latest of them to the earliest."""
        while (rows := await self.db.read(_history)) is not None:
            await self.db.write(partial(_put_history, rows=rows))


def _history(tx: Transaction) -> tuple[int, Sequence[tuple[int, EventRow]]] | None:
    """The next events of the history, and down to where they go; `None` if there are none."""
    done = store.history_position(tx)
    earliest = EVENTS.load(tx, _BEGINNING, done - 1, 1)
    if not earliest:
        return None
    down_to = max(earliest[0][0], done - HISTORY_AT_ONCE)
    return down_to, EVENTS.load(tx, down_to - 1, done - 1, HISTORY_AT_ONCE)


def _put_history(tx: Transaction, *, rows: tuple[int, Sequence[tuple[int, EventRow]]]) -> None:
    down_to, found = rows
    store.put(tx, [text for position, row in found if (text := _text(position, row)) is not None])
    store.history_done(tx, down_to)


def _text(position: int, row: EventRow) -> Text | None:
    key = KEYS.get(row.type)
    if key is None or row.redacted_by is not None:
        return None
    try:
        content = _decode(row.client_json).content
    except (msgspec.MsgspecError, RecursionError):
        return None  # nested more deeply than can be read: nobody is kept waiting by it
    words = [word for text in texts_in(row.type, content) for word in words_of(text)]
    return Text(position, row.event_id, row.room_id, row.sender, key, words[:MAX_WORDS]) if words else None
