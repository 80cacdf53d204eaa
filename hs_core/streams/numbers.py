"""Numbers for the rows of a stream in memory: they tell the time, and nobody has to be asked for them."""

from typing import Final

from hs_core.clock import Clock

_BITS: Final = 10
"""Rows of one millisecond before numbers run ahead of the time; as many a millisecond as no process can announce."""


class Numbers:
    """A hybrid clock of one process for one stream: close to the time, and above whatever has been seen."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def present(self) -> int:
        """What is not above this may be somebody's number already; nobody here will number anything below it."""
        self._last = max(self._last, self._clock.now_ms() << _BITS)
        return self._last

    def take(self, count: int) -> int:
        """The next `count` numbers; returns the first."""
        first = max(self._last + 1, self._clock.now_ms() << _BITS)
        self._last = first + count - 1
        return first

    def seen(self, number: int) -> None:
        """Somebody else has used this number: what is numbered here comes after it."""
        self._last = max(self._last, number)
