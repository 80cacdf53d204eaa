"""What this process takes of the machine's memory, and how it gives some of it back."""

import ctypes
import resource
from pathlib import Path


def resident_memory() -> int | None:
    """Bytes of this process that are in memory; `None` where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * resource.getpagesize()


def give_back() -> None:
    """Return what is free to the system, where the C library knows how: it keeps what lies between used pieces.

    Takes milliseconds, without the interpreter's lock.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
