"""The slots that this process holds, and the proof of it inside the writer's own transaction (fencing).

Every change of ownership of a stream's slots increments a counter in the row that also holds the stream's position, and
so waits for the same lock as writers do. A process remembers at which count it last looked at the slots. A writer that
takes a position learns the count in the same statement: if it is the one remembered, nobody can have taken anything,
nor can anybody until the commit. So in the usual case the proof costs nothing. See docs/adr/0003.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import structlog

from hs_core.cluster.placement import slot_of
from hs_core.db import Database, Transaction
from hs_core.errors import Unavailable
from hs_core.plugin.declaration import Stream

log = structlog.get_logger(__name__)

DRAIN_SECONDS = 5.0

Drain = Callable[[Collection[int]], Awaitable[None]]

NOBODY = ""
"""The owner of a slot that was released."""


class NotOwner(Unavailable):
    """A write for a slot that this process does not hold, or held once: somebody else is its owner by now."""

    def __init__(self, stream: str, slots: Collection[int]) -> None:
        super().__init__("Another process is responsible for this; try again", retry_after=1)
        self.stream = stream
        self.slots = slots

    def __str__(self) -> str:
        return f"this process does not own slots {sorted(self.slots)} of {self.stream!r}"


@dataclass(frozen=True, slots=True)
class Holding:
    """What this process held of one stream when its count of changes was `ownership`: the epoch of each slot."""

    ownership: int = -1
    epochs: Mapping[int, int] = field(default_factory=dict)


class Leases:
    """Slots held by this process, with the epoch under which it holds each.

    What it remembers changes on the event loop only; transactions read it on the database's threads.
    """

    def __init__(self, owner: str) -> None:
        """`owner` names this incarnation of the process: no other process, earlier or later, has the same."""
        self.owner = owner
        self.on_doubt: Callable[[], None] = _nobody_minds
        """Called when a proof fails or slots are missed: somebody has taken them."""
        self._held: dict[str, Holding] = {}
        self._leaving: dict[str, frozenset[int]] = {}
        self._drains: dict[str, list[Drain]] = {}
        self._hear_of_more: dict[str, list[Callable[[], None]]] = {}
        self._lost: dict[str, set[int]] = {}

    def on_release(self, stream: str, drain: Drain) -> None:
        """Have `drain` awaited with the slots of `stream` that are about to be released, or were lost."""
        self._drains.setdefault(stream, []).append(drain)

    def on_take(self, stream: str, hear: Callable[[], None]) -> None:
        """Have `hear` called whenever slots of `stream` have come to this process."""
        self._hear_of_more.setdefault(stream, []).append(hear)

    def holds(self, stream: Stream[Any], key: str) -> bool:
        """Whether work for this key may begin here. That it may be committed, only `prove` knows."""
        slot = slot_of(key, stream.slots)
        return slot in self.held(stream.name) and slot not in self._leaving.get(stream.name, ())

    def held(self, stream: str) -> Mapping[int, int]:
        """The slots of a stream that this process believes it holds, with their epochs."""
        return self._held.get(stream, _NOTHING).epochs

    def working(self, stream: str) -> Mapping[int, int]:
        """The same without those that are about to be released: what something may begin for."""
        leaving = self._leaving.get(stream)
        held = self.held(stream)
        return {slot: epoch for slot, epoch in held.items() if slot not in leaving} if leaving else held

    def counts(self) -> dict[str, int]:
        """How many slots of each stream this process believes that it holds."""
        return {stream: len(holding.epochs) for stream, holding in self._held.items()}

    def epochs(self, stream: Stream[Any], keys: Iterable[str]) -> dict[int, int]:
        """The slots of these keys, with the epochs under which this process holds them. Raises NotOwner."""
        held = self.held(stream.name)
        slots = {slot_of(key, stream.slots) for key in keys}
        if missing := slots - held.keys():
            raise NotOwner(stream.name, missing)
        return {slot: held[slot] for slot in slots}

    def prove(self, tx: Transaction, stream: str, epochs: Mapping[int, int], ownership: int) -> None:
        """Fail unless this process has owned slots since these epochs.

        `ownership` was read under the lock that `tx` has on it.

        Raises:
            NotOwner: if a slot belongs to another process, or did meanwhile.
        """
        seen = self._held.get(stream, _NOTHING)
        if seen.ownership != ownership:
            owner = self.owner
            now = _holding(tx, stream, owner, ownership)
            still = {slot: epoch for slot, epoch in seen.epochs.items() if now.epochs.get(slot) == epoch}
            seen = Holding(ownership, still)
            tx.after_commit(lambda: self._remember(stream, owner, seen))
        if lost := {slot for slot, epoch in epochs.items() if seen.epochs.get(slot) != epoch}:
            raise NotOwner(stream, lost)

    async def take_all(
        self, db: Database, streams: Iterable[Stream[Any]], tasks: Mapping[str, int] = MappingProxyType({})
    ) -> None:
        """Become the owner of every slot of these streams: what the only process of a deployment does at its start.

        `tasks` have slots, too, so many each.
        """
        names = sorted([*((stream.name, stream.slots) for stream in streams), *tasks.items()])
        await db.write(lambda tx: self._take_every(tx, names))

    async def take(self, db: Database, stream: str, free: Mapping[int, int]) -> None:
        """Become the owner of slots, given the epochs at which they were found free.

        Some may have gone meanwhile. Those that were lost are not taken before they are drained.
        """
        owner, lost = self.owner, frozenset(self._lost.get(stream, ()))

        def transaction(tx: Transaction) -> None:
            ownership = _count_change(tx, stream)
            tx.run_many(_TAKE, [(owner, stream, slot, epoch) for slot, epoch in free.items() if slot not in lost])
            self._look(tx, stream, owner, ownership)

        await db.write(transaction)

    async def release(self, db: Database, stream: str, slots: Collection[int]) -> None:
        """Make slots free for whoever is to own them next. Nothing is lost if they were not held any more."""
        owner = self.owner

        def transaction(tx: Transaction) -> None:
            ownership = _count_change(tx, stream)
            tx.run(_RELEASE, (NOBODY, stream, list(slots), owner))
            self._look(tx, stream, owner, ownership)

        await db.write(transaction)
        self.stay(stream)

    def leave(self, stream: str, slots: Collection[int]) -> None:
        """Begin nothing new for these slots: they are about to be released. What was begun may still be committed."""
        self._leaving[stream] = frozenset(slots)

    def stay(self, stream: str) -> None:
        """Undo `leave`, after the release or instead of it."""
        self._leaving.pop(stream, None)

    async def drain(self, stream: str, slots: Collection[int]) -> None:
        """Have everybody who asked for it finish with these slots. What takes too long is left to the fencing."""
        for drain in self._drains.get(stream, ()):
            try:
                async with asyncio.timeout(DRAIN_SECONDS):
                    await drain(slots)
            except TimeoutError:
                log.warning("slots are released although they are not drained", stream=stream, slots=len(slots))
            except Exception:
                log.exception("slots are released although draining them failed", stream=stream, slots=len(slots))

    async def drain_lost(self) -> None:
        """The same for slots that were taken away. To be called before anything is taken."""
        for stream, lost in list(self._lost.items()):
            if slots := frozenset(lost):
                log.warning("slots were lost", stream=stream, slots=len(slots))
                await self.drain(stream, slots)
                lost.difference_update(slots)

    def begin_again(self, owner: str) -> None:
        """Hold nothing, under another name: this process was taken for dead."""
        self.owner = owner
        for stream, holding in self._held.items():
            self._lose(stream, holding.epochs)
        self._held.clear()
        self._leaving.clear()

    def _take_every(self, tx: Transaction, streams: list[tuple[str, int]]) -> None:
        create_slots(tx, dict(streams))
        for stream, _ in streams:
            ownership = _count_change(tx, stream)
            tx.run_many(_TAKE_EVERY, [(self.owner, stream)])
            self._look(tx, stream, self.owner, ownership)

    def _look(self, tx: Transaction, stream: str, owner: str, ownership: int) -> None:
        """Remember, once `tx` is committed, what it made of the slots."""
        holding = _holding(tx, stream, owner, ownership)
        tx.after_commit(lambda: self._remember(stream, owner, holding))

    def _remember(self, stream: str, owner: str, holding: Holding) -> None:
        if owner == self.owner:
            before, now = self.held(stream), holding.epochs
            self._held[stream] = holding
            leaving = self._leaving.get(stream, ())
            self._lose(stream, [s for s, epoch in before.items() if now.get(s) != epoch and s not in leaving])
            if any(before.get(slot) != epoch for slot, epoch in now.items()):
                for hear in self._hear_of_more.get(stream, ()):
                    hear()

    def _lose(self, stream: str, slots: Collection[int]) -> None:
        if slots:
            self._lost.setdefault(stream, set()).update(slots)
            self.on_doubt()


def create_slots(tx: Transaction, slots: Mapping[str, int]) -> None:
    """Make sure that each of these streams has a position and all of its slots."""
    tx.run_many(_CREATE_POSITION, [(stream,) for stream in sorted(slots)])
    tx.run_many(_CREATE_SLOT, [(stream, slot, NOBODY) for stream in sorted(slots) for slot in range(slots[stream])])


def _count_change(tx: Transaction, stream: str) -> int:
    """Lock out the stream's writers; the count of its changes of ownership, this one included."""
    ownership: int | None = tx.value(_CHANGE, (stream,))
    if ownership is None:
        raise LookupError(f"the stream {stream!r} has no position; was it begun?")
    return ownership


def _holding(tx: Transaction, stream: str, owner: str, ownership: int) -> Holding:
    return Holding(ownership, dict(tx.all(_HELD, (stream, owner))))


def _nobody_minds() -> None:
    """With one process, nobody takes anything."""


_NOTHING = Holding()

_CREATE_POSITION = "INSERT INTO stream_positions (stream, position) VALUES (?, 0) ON CONFLICT (stream) DO NOTHING"
_CREATE_SLOT = """
    INSERT INTO stream_slots (stream, slot, owner, epoch) VALUES (?, ?, ?, 0) ON CONFLICT (stream, slot) DO NOTHING
"""
_CHANGE = "UPDATE stream_positions SET ownership = ownership + 1 WHERE stream = ? RETURNING ownership"
_HELD = "SELECT slot, epoch FROM stream_slots WHERE stream = ? AND owner = ?"
_TAKE = "UPDATE stream_slots SET owner = ?, epoch = epoch + 1 WHERE stream = ? AND slot = ? AND epoch = ?"
_TAKE_EVERY = "UPDATE stream_slots SET owner = ?, epoch = epoch + 1 WHERE stream = ?"
_RELEASE = "UPDATE stream_slots SET owner = ? WHERE stream = ? AND slot = ANY(?) AND owner = ?"
