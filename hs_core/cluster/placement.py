"""From a key to the slot that owns it, and from a slot to its process. Pure, the same in every process and release."""

import zlib
from collections.abc import Collection
from hashlib import blake2b


def slot_of(key: str, slots: int) -> int:
    """The slot, in `range(slots)`, of a room ID, user ID or whatever a stream is sharded by.

    CRC-32 spreads such keys evenly and, unlike `hash()`, is the same in every process.
    """
    return zlib.crc32(key.encode()) % slots if slots > 1 else 0


def process_of(stream: str, slot: int, processes: Collection[str]) -> str | None:
    """Which of these processes should own a slot; `None` if there are none.

    Rendezvous hashing: the highest bidder gets it. A process that comes takes its share and nothing else moves; one
    that goes leaves its share to all others.
    """
    return max(processes, key=lambda process: _bid(stream, slot, process), default=None)


def _bid(stream: str, slot: int, process: str) -> bytes:
    return blake2b(f"{stream}\0{slot}\0{process}".encode(), digest_size=8).digest()
