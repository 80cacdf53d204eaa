"""A plugin with a section, in miniature: greetings to one user, or to everybody in a room, told to clients in order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec
import orjson

from hs_core.core import Core
from hs_core.db import Transaction
from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.plugin import Parts, Plugin, RoomParts, Section, SectionEvent, Stream, Window

MAX_AT_ONCE = 2


class Greeting(msgspec.Struct, frozen=True):
    to: str
    """A user ID or a room ID."""
    text: str


def _load(tx: Transaction, after: int, up_to: int, limit: int) -> Sequence[tuple[int, Greeting]]:
    """Nothing is kept."""
    return ()


GREETINGS = Stream("greetings", Greeting, _load)


class Greetings:
    """Tells at most two greetings at once, of those since the window's start."""

    def __init__(self, core: Core) -> None:
        self.said: list[tuple[int, Greeting]] = []
        self.asked: list[Window] = []
        core.follower(GREETINGS).subscribe(lambda batch: self.said.extend(batch.rows))

    async def collect(self, window: Window) -> Parts | None:
        self.asked.append(window)
        mine = [
            (at, row)
            for at, row in self.said
            if (window.after or 0) < at <= window.up_to and (row.to == window.user_id or row.to in window.joined)
        ]
        told = mine[:MAX_AT_ONCE]
        rooms: dict[RoomId, RoomParts] = {}
        for _, row in told:
            if row.to.startswith("!"):
                rooms.setdefault(RoomId(row.to), RoomParts()).ephemeral.append(_event(row))
        return Parts(
            events={"account_data": [_event(row) for _, row in told if row.to.startswith("@")]},
            fields={"greetings_count": len(self.said)} if not told else {},
            rooms=rooms,
            news=bool(told),
            up_to=told[-1][0] if len(mine) > len(told) else None,
        )


def _event(row: Greeting) -> SectionEvent:
    json = orjson.dumps({"type": "org.example.greeting", "content": {"text": row.text}})
    return SectionEvent("org.example.greeting", UserId("@host:hs.test"), json)


class Host:
    """Says them."""

    def __init__(self, core: Core) -> None:
        self._writer = core.writer(GREETINGS)

    async def greet(self, *greetings: Greeting) -> None:
        await self._writer.write([""], lambda tx, log: log.announce_all(greetings) and None)


@asynccontextmanager
async def _start(core: Core) -> AsyncIterator[Host]:
    hosts.append(Host(core))
    yield hosts[-1]


hosts: list[Host] = []
readers: list[Greetings] = []


def _open(core: Core) -> Greetings:
    readers.append(Greetings(core))
    return readers[-1]


plugin = Plugin(
    name="greetings",
    writes=[GREETINGS],
    start=_start,
    sections=[Section("g", GREETINGS, concerns=lambda row: [row.to], open=_open, every_time=True)],
)
