"""Whether this process stood still for a while: stopped, or on a machine that was.

Requests have piled up then whose clients gave up long ago, and did the same elsewhere. What the owners of slots write
is fenced; what others ask them to do is not, so it is not asked for when nobody waits for it any more.
"""

from __future__ import annotations

from typing import Final

from hs_core.clock import Clock
from hs_core.errors import Unavailable
from hs_core.http.context import current_request

_TICK: Final = 0.25
_SUSPECT: Final = 1.0
"""Seconds after a pause within which requests may be those that piled up."""
_MOMENT: Final = 0.1
"""Seconds in which it shows who has hung up meanwhile."""


def nobody_waits() -> bool:
    """Whether the request that the running code works for has lost its client."""
    request = current_request.get()
    return request is not None and request.disconnected


class Pauses:
    """Looks at the clock now and then."""

    def __init__(self, clock: Clock, longest: float) -> None:
        """`longest` is in seconds: who stands still for less is missed by nobody."""
        self._clock = clock
        self._longest = longest
        self._ticked = clock.monotonic()
        self._woke: float | None = None

    async def run(self) -> None:
        """For as long as the process lives."""
        while True:
            self._look()
            await self._clock.sleep(_TICK)

    async def not_in_vain(self) -> None:
        """To be awaited before others are asked to do something.

        Raises Unavailable if that is for a request whose client has gone, after a pause.
        """
        if not self._look():
            return
        await self._clock.sleep(_MOMENT)
        if nobody_waits():
            raise Unavailable("This process stood still, and nobody waits for the answer any more")

    def _look(self) -> bool:
        """Whether there was a pause just now."""
        now = self._clock.monotonic()
        if now - self._ticked > self._longest:
            self._woke = now
        self._ticked = now
        return self._woke is not None and now - self._woke < _SUSPECT
