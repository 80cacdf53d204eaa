"""Write to a stream whose rows live in memory only: number the rows, and announce them. See docs/adr/0004."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Final, Generic, TypeVar

import msgspec

from hs_core.cluster.leases import Drain, Leases, NotOwner
from hs_core.cluster.placement import slot_of
from hs_core.db import Transaction
from hs_core.plugin.declaration import Stream
from hs_core.streams.batch import Batch
from hs_core.streams.bus import Bus
from hs_core.streams.numbers import Numbers

Row = TypeVar("Row", bound=msgspec.Struct)

_OWNERSHIP: Final = "SELECT ownership FROM stream_positions WHERE stream = ? FOR SHARE"


class Announcer(Generic[Row]):
    """The right to write one stream in memory from this process, for the slots that it holds."""

    def __init__(self, stream: Stream[Row], leases: Leases, bus: Bus, numbers: Numbers) -> None:
        self.stream = stream
        self._leases = leases
        self._bus = bus
        self._numbers = numbers
        self._lanes: dict[int, tuple[int, int]] = {}
        """Epoch and end of what was announced last for each slot."""
        # From then on nobody takes in what an owner before us may still have to say.
        leases.on_take(stream.name, lambda: bus.doubt(stream.name))

    def slot(self, key: str) -> int:
        """The slot of a key."""
        return slot_of(key, self.stream.slots)

    @property
    def held(self) -> Mapping[int, int]:
        """The slots that this process believes it may write, each with its epoch. Another epoch means: begin anew."""
        return self._leases.held(self.stream.name)

    def check_owner(self, key: str) -> None:
        """Raises `NotOwner` unless something may begin here that will be told under the key."""
        if not self._leases.holds(self.stream, key):
            raise NotOwner(self.stream.name, {self.slot(key)})

    def prove(self, tx: Transaction, epochs: Mapping[int, int]) -> None:
        """Fail unless this process has owned slots since these epochs, so that what `tx` writes is not out of date.

        Raises:
            NotOwner: names those that another process owns, or did meanwhile.
        """
        self._leases.prove(tx, self.stream.name, epochs, int(tx.value(_OWNERSHIP, (self.stream.name,)) or 0))

    def on_release(self, drain: Drain) -> None:
        """Have `drain` awaited before slots are given away: for them it can announce what is left to tell.

        It is called as well when slots were lost without asking; announcing for them then fails with `NotOwner`.
        """
        self._leases.on_release(self.stream.name, drain)

    def announce(self, rows: Iterable[tuple[str, Row]]) -> None:
        """Tell the followers of rows, each with its key, at once.

        Raises:
            NotOwner: if another process owns one of the keys by now. Nobody was told anything.
        """
        by_slot = self._by_slot(rows)
        self._check_held(by_slot)
        for slot, said in by_slot.items():
            self._publish(slot, said)

    def take_on(self, slots: Collection[int], rows: Iterable[tuple[str, Row]]) -> None:
        """Tell what is kept in slots that have come here: these rows, each with its key, and nothing else.

        To be called before anything else is told of the slots. Followers hear of what is new to them, and that there is
        nothing under the keys that only an owner before knew of; so the stream says what is `kept`.

        Raises:
            NotOwner: if another process owns one of the slots by now. Nobody was told anything.
        """
        by_slot = self._by_slot(rows)
        self._check_held(slots)
        for slot in slots:
            self._publish(slot, by_slot.get(slot, []), whole=True)

    def _by_slot(self, rows: Iterable[tuple[str, Row]]) -> dict[int, list[Row]]:
        by_slot: dict[int, list[Row]] = defaultdict(list)
        for key, row in rows:
            by_slot[self.slot(key)].append(row)
        return by_slot

    def _check_held(self, slots: Collection[int]) -> None:
        if missing := set(slots) - self.held.keys():
            raise NotOwner(self.stream.name, missing)

    def _publish(self, slot: int, rows: list[Row], *, whole: bool = False) -> None:
        epoch = self.held[slot]
        before, end = self._lanes.get(slot, (epoch, 0))
        after = end if before == epoch else 0
        first = self._numbers.take(len(rows) or 1)
        up_to = first + (len(rows) or 1) - 1
        self._lanes[slot] = epoch, up_to
        self._bus.publish(Batch(self.stream.name, after, up_to, list(enumerate(rows, first)), slot, epoch, whole))
