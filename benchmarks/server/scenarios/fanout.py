"""From one to many: what somebody does until everybody in the room, all of them in a long poll, has seen it.

The operation is one delivery; its latency runs from before the act to the end of the response that shows it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from itertools import count
from time import perf_counter
from typing import Any
from urllib.parse import quote

from benchmarks.server.bench import Bench, gather
from benchmarks.server.client import Failed, User
from benchmarks.server.measure import Meter, Row, background

Marks = Callable[[dict[str, Any]], Iterator[str]]
"""What can be told apart in a room's part of a sync response."""

_PATIENCE = 30.0


def texts(room: dict[str, Any]) -> Iterator[str]:
    """The messages."""
    for event in room.get("timeline", {}).get("events", ()):
        yield event["content"].get("body", "")


def typing(room: dict[str, Any]) -> Iterator[str]:
    """Who is typing."""
    for event in room.get("ephemeral", {}).get("events", ()):
        if event["type"] == "m.typing":
            yield ",".join(event["content"]["user_ids"])


def receipts(room: dict[str, Any]) -> Iterator[str]:
    """The events that were read."""
    for event in room.get("ephemeral", {}).get("events", ()):
        if event["type"] == "m.receipt":
            yield from event["content"]


class Audience:
    """Clients that are always in a long poll, and what the next thing is that they are all to see."""

    def __init__(self, room: str, marks: Marks) -> None:
        self._room = room
        self._marks = marks
        self._expected = ""
        self._waiting: set[str] = set()
        self._everyone = asyncio.Event()
        self._arrived: list[float] = []

    async def listen(self, user: User, since: str) -> None:
        """Be one of them, for ever."""
        while True:
            answer = await user.sync(since, 30_000)
            since = answer["next_batch"]
            room = answer.get("rooms", {}).get("join", {}).get(self._room, {})
            if user.id in self._waiting and self._expected in self._marks(room):
                self._arrived.append(perf_counter())
                self._waiting.discard(user.id)
                if not self._waiting:
                    self._everyone.set()

    async def see(self, members: list[User], mark: str, act: Awaitable[object]) -> list[float]:
        """Do `act`; how many seconds later each of the members saw `mark`."""
        self._expected, self._waiting, self._arrived = mark, {member.id for member in members}, []
        self._everyone.clear()
        started = perf_counter()
        await act
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._everyone.wait()
        except TimeoutError:
            raise Failed(f"{len(self._waiting)} of {len(members)} clients were never shown {mark!r}") from None
        return [arrived - started for arrived in self._arrived]


async def show(bench: Bench, room: str, members: list[User], marks: Marks, acts: Iterator[Any]) -> Meter:
    """Measure `acts` (a mark and what brings it about) shown to all members, one act after the other."""
    audience = Audience(room, marks)
    tokens = await gather(len(members), lambda i: members[i].token())
    meter = bench.meter()
    async with background(*map(audience.listen, members, tokens)):
        for _ in range(2):  # let everybody's first poll arrive
            mark, act = next(acts)
            await audience.see(members, mark, act())
        end = perf_counter() + bench.seconds
        with meter.window():
            while perf_counter() < end:
                mark, act = next(acts)
                meter.latencies += await audience.see(members, mark, act())
    return meter


def messages(room: str, senders: list[User]) -> Iterator[Any]:
    """Messages by the senders in turn."""
    for n in count():
        yield f"delivery {n}", partial(senders[n % len(senders)].send, room, f"delivery {n}")


async def delivery(bench: Bench) -> list[Row]:
    """A message shown to a room of 100."""
    room, members = await bench.room_of_100()
    meter = await show(bench, room, members, texts, messages(room, members))
    return [meter.row("delivery", "of a message to one of 100")]


async def typing_fanout(bench: Bench) -> list[Row]:
    """A member of a room of 100 who begins and stops typing."""
    room, members = await bench.room_of_100()
    typist = members[0]
    path = f"/rooms/{quote(room)}/typing/{quote(typist.id)}"
    begin: dict[str, object] = {"typing": True, "timeout": 30_000}

    def acts() -> Iterator[Any]:
        while True:
            yield typist.id, partial(typist.call, "PUT", path, begin)
            yield "", partial(typist.call, "PUT", path, {"typing": False})

    meter = await show(bench, room, members, typing, acts())
    return [meter.row("typing-fanout", "of one change to one of 100")]


async def receipt_fanout(bench: Bench) -> list[Row]:
    """Members of a room of 100 who read one message after the other."""
    room, members = await bench.room_of_100()
    events = await gather(50, lambda i: members[0].send(room, f"to be read {i}"), at_once=1)

    def acts() -> Iterator[Any]:
        for reader in members[1:]:
            for event in events:
                path = f"/rooms/{quote(room)}/receipt/m.read/{quote(event)}"
                yield event, partial(reader.call, "POST", path, {})

    meter = await show(bench, room, members, receipts, acts())
    return [meter.row("receipt-fanout", "of one receipt to one of 100")]
