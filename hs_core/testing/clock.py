"""A clock that a test moves by hand, so that nothing sleeps and nothing is left to chance."""

import asyncio
import heapq
import itertools

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_TURNS = 20
"""How often the event loop goes round after a sleeper has been woken: enough for a chain of that many awaits."""


class TestClock:
    """A `Clock` that stands still until `advance`. Its chance is a sequence that never repeats a text."""

    __test__ = False

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self._began_ms = now_ms
        self._elapsed = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = itertools.count(1)
        self.chance = 0.5
        """What `random` answers."""

    def now_ms(self) -> int:
        return self._began_ms + round(self._elapsed * 1000)

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._count), woken))
        await woken

    def random(self) -> float:
        return self.chance

    def random_text(self, length: int) -> str:
        number, text = next(self._count), ""
        while number:
            number, digit = divmod(number, len(_LETTERS))
            text = _LETTERS[digit] + text
        return text.rjust(length, _LETTERS[0])[-length:]

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass: whoever sleeps that long wakes at its own moment, in order, and gets to run."""
        await _let_others_run()
        until = self._elapsed + seconds
        while self._sleepers and self._sleepers[0][0] <= until:
            self._elapsed, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)
            await _let_others_run()
        self._elapsed = until


async def _let_others_run() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)
