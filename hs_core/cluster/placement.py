"""From a key to the slot that owns it. Pure arithmetic, the same in every process and every release."""

import zlib


def slot_of(key: str, slots: int) -> int:
    """The slot, in `range(slots)`, of a room ID, user ID or whatever a stream is sharded by.

    CRC-32 spreads such keys evenly and, unlike `hash()`, is the same in every process.
    """
    return zlib.crc32(key.encode()) % slots if slots > 1 else 0
