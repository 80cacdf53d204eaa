"""What a process holds of a task: slots, as of a stream, with the same proof that they are its own."""

import asyncio
from collections.abc import Collection, Iterable, Mapping

from hs_core.cluster.leases import Leases, NotOwner
from hs_core.cluster.placement import slot_of
from hs_core.db import Transaction

_OWNERSHIP = "SELECT ownership FROM stream_positions WHERE stream = ? FOR SHARE"
_ADVANCE = "UPDATE stream_positions SET position = ? WHERE stream = ? RETURNING ownership"


class Shards:
    """The share of a task that fell to this process as a turn began."""

    def __init__(self, leases: Leases, name: str, slots: int) -> None:
        self.slots = slots
        """How many there are in all."""
        self._leases = leases
        self._name = name
        self._epochs: Mapping[int, int] = leases.working(name)

    @property
    def own(self) -> frozenset[int]:
        """Those that are still this process's to work on. They become fewer when others take over, never more."""
        now = self._leases.working(self._name)
        return frozenset(slot for slot, epoch in self._epochs.items() if now.get(slot) == epoch)

    def slot_of(self, key: str) -> int:
        """The slot of a user ID, room ID or whatever the task is split by."""
        return slot_of(key, self.slots)

    def owns(self, key: str) -> bool:
        """Whether work for this key may begin here, now. Ask before each piece: slots go while a turn lasts."""
        return self.slot_of(key) in self.own

    def prove(self, tx: Transaction, keys: Iterable[str]) -> None:
        """Have `tx` fail unless these keys have been this process's since the turn began, and are until the commit.

        Raises NotOwner.
        """
        self._prove(tx, {self.slot_of(key) for key in keys}, tx.value(_OWNERSHIP, (self._name,)))

    def advance(self, tx: Transaction, position: int) -> None:
        """Write down how far a task of one slot has come, with the same proof. Raises NotOwner."""
        self._prove(tx, {0}, tx.value(_ADVANCE, (position, self._name)))

    def _prove(self, tx: Transaction, slots: Collection[int], ownership: int | None) -> None:
        assert ownership is not None, "whoever holds a slot has begun the task"
        if missing := set(slots) - self._epochs.keys():
            raise NotOwner(self._name, missing)
        self._leases.prove(tx, self._name, {slot: self._epochs[slot] for slot in slots}, ownership)


class TaskSlots:
    """The slots of one task in this process, over all its turns."""

    def __init__(self, leases: Leases, name: str, slots: int) -> None:
        self.name = name
        self.turn = asyncio.Lock()
        """Held while a turn lasts. Slots are given away after it, unless that takes too long."""
        self._leases = leases
        self._slots = slots
        leases.on_release(name, self._drain)

    def share(self) -> Shards:
        """What falls to this process now."""
        return Shards(self._leases, self.name, self._slots)

    async def _drain(self, slots: Collection[int]) -> None:
        async with self.turn:
            """The turn in hand is over; the next one does without these slots."""
