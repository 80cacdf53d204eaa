"""The slots that this process holds, and the proof of it inside the writer's own transaction (fencing)."""

from collections.abc import Collection, Iterable
from typing import Any

from hs_core.cluster.placement import slot_of
from hs_core.db import Database, Transaction
from hs_core.plugin.declaration import Stream


class NotOwner(Exception):
    """A write for a slot that this process does not hold, or held once: somebody else is its owner by now."""

    def __init__(self, stream: str, slots: Collection[int]) -> None:
        super().__init__(f"this process does not own slots {sorted(slots)} of stream {stream!r}")
        self.stream = stream
        self.slots = slots


class Leases:
    """Slots held by this process, with the epoch under which it holds each."""

    def __init__(self, owner: str) -> None:
        """`owner` names this incarnation of the process: no other process, earlier or later, has the same."""
        self.owner = owner
        self._held: dict[str, dict[int, int]] = {}

    async def take_all(self, db: Database, streams: Iterable[Stream[Any]]) -> None:
        """Become the owner of every slot of these streams: what the only process of a deployment does at its start."""
        names = [(stream.name, slot) for stream in streams for slot in range(stream.slots)]
        epochs = await db.write(lambda tx: [_take(tx, stream, slot, self.owner) for stream, slot in names])
        for (stream, slot), epoch in zip(names, epochs, strict=True):
            self._held.setdefault(stream, {})[slot] = epoch

    def holds(self, stream: Stream[Any], key: str) -> bool:
        """Whether this process believes that it owns the key. Only `prove` knows."""
        return slot_of(key, stream.slots) in self._held.get(stream.name, {})

    def prove(self, tx: Transaction, stream: Stream[Any], keys: Iterable[str]) -> None:
        """Fail unless this process owns the keys' slots now; until `tx` ends, nobody else can take them.

        Raises:
            NotOwner: if a slot is not held, or is held under another epoch than when this process took it.
        """
        held = self._held.get(stream.name, {})
        slots = {slot_of(key, stream.slots) for key in keys}
        rows: list[tuple[int, str, int]] = tx.all(_SLOTS, (stream.name, list(slots)))
        proven = {slot for slot, owner, epoch in rows if owner == self.owner and held.get(slot) == epoch}
        if missing := slots - proven:
            raise NotOwner(stream.name, missing)


_SLOTS = "SELECT slot, owner, epoch FROM stream_slots WHERE stream = ? AND slot = ANY(?) FOR SHARE"

_TAKE = """
    INSERT INTO stream_slots (stream, slot, owner, epoch) VALUES (?, ?, ?, 1)
    ON CONFLICT (stream, slot) DO UPDATE SET owner = excluded.owner, epoch = stream_slots.epoch + 1
    RETURNING epoch
"""


def _take(tx: Transaction, stream: str, slot: int, owner: str) -> int:
    epoch: int = tx.value(_TAKE, (stream, slot, owner)) or 0
    return epoch
