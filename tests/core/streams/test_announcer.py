"""Streams in memory: positions that never go backwards, and followers who do without what is lost."""

import asyncio

import pytest

from hs_core.cluster.leases import Leases, NotOwner
from hs_core.db import Database
from hs_core.plugin.declaration import Stream, nothing_stored
from hs_core.streams.bus import MemoryBus
from hs_core.streams.registry import Streams
from hs_core.testing.clock import TestClock
from tests.core.streams.notes import Node, Note, until

RUMOURS = Stream("rumours", Note, nothing_stored)


class Listener:
    """A process that follows the stream, and may own it."""

    def __init__(self, name: str, db: Database, bus: MemoryBus, clock: TestClock) -> None:
        self.leases = Leases(name)
        self.db = db
        self.streams = Streams(db, self.leases, bus, clock)
        self.heard: list[str] = []

    async def begin(self, *, own: bool) -> None:
        if own:
            await self.leases.take_all(self.db, [RUMOURS])
        await self.streams.begin([RUMOURS], [RUMOURS.name])
        self.follower = self.streams.follower(RUMOURS)
        self.follower.subscribe(lambda batch: self.heard.extend(note.text for _, note in batch.rows))
        self.announcer = self.streams.announcer(RUMOURS)

    def say(self, *texts: str) -> int:
        return self.announcer.announce([Note("a", text) for text in texts])

    def whisper(self, text: str) -> int:
        """Say something of which the bus loses every word."""
        bus, self.announcer._bus = self.announcer._bus, MemoryBus()
        try:
            return self.say(text)
        finally:
            self.announcer._bus = bus


@pytest.fixture
async def db(node: Node) -> Database:
    return node.db


@pytest.fixture
async def listener(db: Database, clock: TestClock) -> Listener:
    listener = Listener("first", db, MemoryBus(), clock)
    await listener.begin(own=True)
    return listener


async def test_rows_are_delivered_at_once(listener: Listener) -> None:
    position = listener.say("psst", "have you heard")

    assert listener.heard == ["psst", "have you heard"]
    assert listener.follower.position == position


async def test_positions_of_a_later_owner_are_above_all_of_an_earlier_one(
    listener: Listener, db: Database, clock: TestClock
) -> None:
    before = listener.say("psst")
    restarted = Listener("second", db, MemoryBus(), clock)
    await restarted.begin(own=True)

    assert restarted.follower.position > before
    restarted.say("did you know")
    assert restarted.heard == ["did you know"]


async def test_what_is_lost_is_done_without(listener: Listener, clock: TestClock) -> None:
    listener.whisper("lost")
    position = listener.say("heard")
    assert listener.heard == []

    await following(listener, clock, position)

    assert listener.heard == ["heard"]


async def test_a_follower_goes_on_with_the_next_owner(listener: Listener, db: Database, clock: TestClock) -> None:
    bus = MemoryBus()
    follower = Listener("third", db, bus, clock)
    await follower.begin(own=False)
    heir = Listener("second", db, bus, clock)
    await heir.begin(own=True)

    await following(follower, clock, heir.say("I am the owner now"))

    assert follower.heard == ["I am the owner now"]


async def test_an_owner_that_lost_the_stream_announces_nothing(listener: Listener) -> None:
    listener.leases.begin_again("somebody else")

    with pytest.raises(NotOwner):
        listener.say("psst")
    assert listener.heard == []


async def test_a_position_that_was_never_handed_out_is_not_waited_for(listener: Listener, clock: TestClock) -> None:
    running = asyncio.ensure_future(listener.streams.run())
    asked = asyncio.ensure_future(listener.follower.reached(2**62))
    await until(clock, asked.done)

    assert asked.result() is False
    running.cancel()


async def following(listener: Listener, clock: TestClock, position: int) -> None:
    """Return when the follower has come to the position."""
    running = asyncio.ensure_future(listener.streams.run())
    await until(clock, lambda: listener.follower.position >= position)
    running.cancel()
