"""Streams in memory: several owners, rows at once, and followers who do without what is lost."""

import asyncio

import pytest

from hs_core.cluster.leases import Leases, NotOwner
from hs_core.db import Database
from hs_core.plugin.declaration import Stream, nothing_stored
from hs_core.streams.batch import Batch
from hs_core.streams.bus import MemoryBus
from hs_core.streams.registry import Streams
from hs_core.testing.clock import TestClock
from tests.core.streams.notes import KEPT, Node, Note, topic_in, until

RUMOURS = Stream("rumours", Note, nothing_stored, slots=16, kept=KEPT)


class Listener:
    """A process that follows the stream, and may own slots of it."""

    def __init__(self, name: str, db: Database, bus: MemoryBus, clock: TestClock) -> None:
        self.leases = Leases(name)
        self.db = db
        self.streams = Streams(db, self.leases, bus, clock)
        self.heard: list[str] = []
        self.notes: list[Note] = []
        self.positions: list[int] = []

    async def begin(self, *slots: int) -> None:
        await self.streams.begin([RUMOURS], [RUMOURS.name])
        self.follower = self.streams.follower(RUMOURS)
        self.follower.subscribe(self._hear)
        self.announcer = self.streams.announcer(RUMOURS)
        await self.take(*slots)

    async def take(self, *slots: int) -> None:
        """Take slots from whoever has them."""
        sql = "SELECT slot, epoch FROM stream_slots WHERE stream = ?"
        epochs: dict[int, int] = await self.db.read(lambda tx: dict(tx.all(sql, (RUMOURS.name,))))
        await self.leases.take(self.db, RUMOURS.name, {slot: epochs[slot] for slot in slots})

    def say(self, *texts: str, slot: int = 0) -> None:
        self.announcer.announce([(topic_in(slot), Note(topic_in(slot), text)) for text in texts])

    def inherit(self, *texts: str, slot: int = 0) -> None:
        """Say what is kept in a slot that has come here: these texts, each of a topic of its own."""
        topics = [topic_in(slot, number) for number in range(len(texts))]
        self.announcer.take_on([slot], [(topic, Note(topic, text)) for topic, text in zip(topics, texts, strict=True)])

    def whisper(self, text: str, slot: int = 0) -> None:
        """Say something of which the bus loses every word."""
        bus, self.announcer._bus = self.announcer._bus, MemoryBus()
        try:
            self.say(text, slot=slot)
        finally:
            self.announcer._bus = bus

    def _hear(self, batch: Batch[Note]) -> None:
        self.notes += [note for _, note in batch.rows]
        self.heard += [note.text for _, note in batch.rows]
        self.positions += [position for position, _ in batch.rows]


@pytest.fixture
async def db(node: Node) -> Database:
    return node.db


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus()


@pytest.fixture
async def listener(db: Database, bus: MemoryBus, clock: TestClock) -> Listener:
    listener = Listener("first", db, bus, clock)
    await listener.begin(*range(16))
    return listener


async def test_rows_are_delivered_at_once(listener: Listener) -> None:
    listener.say("psst", "have you heard")
    listener.say("you have not", slot=1)

    assert listener.heard == ["psst", "have you heard", "you have not"]
    assert listener.positions == sorted(set(listener.positions))
    assert listener.follower.position == listener.positions[-1]


async def test_positions_of_a_process_that_starts_are_not_below_those_of_before(
    listener: Listener, db: Database, clock: TestClock
) -> None:
    listener.say("psst")
    before = listener.follower.position
    await clock.advance(1)
    restarted = Listener("second", db, MemoryBus(), clock)
    await restarted.begin(*range(16))

    assert restarted.follower.position > before
    restarted.say("did you know")
    assert restarted.heard == ["did you know"]


async def test_who_begins_later_hears_the_next_word_at_once(
    listener: Listener, db: Database, bus: MemoryBus, clock: TestClock
) -> None:
    listener.say("psst")
    await clock.advance(1)
    late = Listener("second", db, bus, clock)
    await late.begin()

    listener.say("did you know")

    assert late.heard == ["did you know"]


async def test_what_is_lost_is_done_without(listener: Listener, clock: TestClock) -> None:
    listener.whisper("lost")
    listener.say("heard")
    listener.say("meanwhile", slot=1)
    assert listener.heard == ["meanwhile"], "those who lost nothing do not wait"

    await hearing(listener, clock, "heard")

    assert listener.heard == ["meanwhile", "heard"]
    assert listener.positions == sorted(set(listener.positions)), "it comes after what was told before it"


async def test_several_owners_are_heard_side_by_side(db: Database, bus: MemoryBus, clock: TestClock) -> None:
    first, second, third = [Listener(name, db, bus, clock) for name in ("first", "second", "third")]
    await first.begin(0)
    await second.begin(1)
    await third.begin()

    first.say("red")
    second.say("green", slot=1)
    first.say("blue")

    for each in (first, second, third):
        assert each.heard == ["red", "green", "blue"]
    with pytest.raises(NotOwner):
        first.announcer.announce([(topic_in(0), Note("", "mine")), (topic_in(1), Note("", "not mine"))])
    assert third.heard == ["red", "green", "blue"]


async def test_a_follower_goes_on_with_the_next_owner_and_hears_the_one_before_no_more(
    listener: Listener, db: Database, bus: MemoryBus, clock: TestClock
) -> None:
    follower, heir = Listener("third", db, bus, clock), Listener("second", db, bus, clock)
    await follower.begin()
    listener.say("I am the owner", slot=1)
    await heir.begin(1)

    heir.say("I am the owner now", slot=1)
    listener.say("I do not know yet that I am not", slot=1)
    listener.say("but here I am", slot=0)

    assert follower.heard == ["I am the owner", "I am the owner now", "but here I am"]


async def test_an_owner_of_before_is_not_heard_although_the_next_has_said_nothing(
    listener: Listener, db: Database, bus: MemoryBus, clock: TestClock
) -> None:
    follower, heir = Listener("third", db, bus, clock), Listener("second", db, bus, clock)
    await follower.begin()
    await heir.begin(1)
    running = asyncio.ensure_future(follower.streams.run())
    looked = asyncio.ensure_future(follower.follower.reached(2**62))
    await until(clock, looked.done)

    listener.say("I do not know yet", slot=1)

    assert follower.heard == []
    running.cancel()


async def test_an_heir_has_that_forgotten_which_it_does_not_know_of_and_no_more(
    listener: Listener, db: Database, bus: MemoryBus, clock: TestClock
) -> None:
    follower, heir = Listener("third", db, bus, clock), Listener("second", db, bus, clock)
    await follower.begin()
    first, second = Note(topic_in(1), "first"), Note(topic_in(1, 1), "second")
    listener.announcer.announce([(note.topic, note) for note in (first, second)])
    listener.say("of another slot", slot=2)
    told = follower.notes[:]
    await heir.begin(1)

    heir.inherit("first", slot=1)

    assert follower.notes == [*told, Note(second.topic, "")]
    assert follower.positions == sorted(set(follower.positions))


async def test_an_heir_that_knows_nothing_and_one_that_knows_better(
    listener: Listener, db: Database, bus: MemoryBus, clock: TestClock
) -> None:
    follower, heir = Listener("third", db, bus, clock), Listener("second", db, bus, clock)
    await follower.begin()
    listener.say("red", slot=1)
    listener.say("green", slot=2)
    await heir.begin(1, 2)

    heir.inherit(slot=1)
    heir.inherit("blue", slot=2)
    heir.say("yellow", slot=1)

    assert follower.heard == ["red", "green", "", "blue", "yellow"]


async def test_what_an_heir_says_that_is_lost_is_not_waited_for_for_ever(
    listener: Listener, db: Database, bus: MemoryBus, clock: TestClock
) -> None:
    follower, heir = Listener("third", db, bus, clock), Listener("second", db, MemoryBus(), clock)
    await follower.begin()
    listener.say("old", slot=1)
    running = asyncio.ensure_future(follower.streams.run())
    await heir.begin(1)

    bus.doubt(RUMOURS.name)

    await until(clock, lambda: follower.heard == ["old", ""])
    assert not follower.follower.behind
    running.cancel()


async def test_an_heir_that_has_lost_a_slot_again_says_nothing(listener: Listener, db: Database) -> None:
    listener.leases.begin_again("somebody else")

    with pytest.raises(NotOwner):
        listener.inherit()


async def test_an_owner_that_lost_the_stream_announces_nothing(listener: Listener) -> None:
    listener.leases.begin_again("somebody else")

    with pytest.raises(NotOwner):
        listener.say("psst")
    assert listener.heard == []


async def test_what_an_owner_of_before_writes_is_refused(listener: Listener, db: Database, clock: TestClock) -> None:
    epochs = {slot: listener.announcer.held[slot] for slot in (0, 1)}
    await db.write(lambda tx: listener.announcer.prove(tx, epochs))
    await Listener("second", db, MemoryBus(), clock).begin(1)

    with pytest.raises(NotOwner) as refused:
        await db.write(lambda tx: listener.announcer.prove(tx, epochs))
    assert refused.value.slots == {1}


async def test_a_position_that_was_never_handed_out_is_not_waited_for(listener: Listener, clock: TestClock) -> None:
    running = asyncio.ensure_future(listener.streams.run())
    asked = asyncio.ensure_future(listener.follower.reached(2**62))
    await until(clock, asked.done)

    assert asked.result() is False
    running.cancel()


async def test_a_process_comes_as_far_as_another_whose_word_was_lost(listener: Listener, clock: TestClock) -> None:
    await clock.advance(1)
    listener.whisper("lost")
    elsewhere = clock.now_ms() << 10
    assert listener.follower.position < elsewhere
    running = asyncio.ensure_future(listener.streams.run())
    asked = asyncio.ensure_future(listener.follower.reached(elsewhere))
    await until(clock, asked.done)

    assert asked.result() is True
    listener.say("heard")
    await until(clock, lambda: listener.heard == ["heard"])
    assert listener.positions[0] > elsewhere
    running.cancel()


async def hearing(listener: Listener, clock: TestClock, text: str) -> None:
    """Return when the follower has come to the text."""
    running = asyncio.ensure_future(listener.streams.run())
    await until(clock, lambda: text in listener.heard)
    running.cancel()
