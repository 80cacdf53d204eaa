"""Time, sleep and chance, handed in so that tests hold them in their hands.

The only module of the core that imports `time`, `random` or `secrets`.
"""

import asyncio
import random
import secrets
import string
import time
from typing import Protocol

_LETTERS = string.ascii_letters + string.digits


class Clock(Protocol):
    """What a part of the server may know of the world outside."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""

    async def sleep(self, seconds: float) -> None:
        """Let others run for so long."""

    def random(self) -> float:
        """A number in [0, 1), good enough to spread load."""

    def random_text(self, length: int) -> str:
        """Letters and digits that nobody can guess."""


class SystemClock:
    """The clock of a real server."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def random(self) -> float:
        return random.random()

    def random_text(self, length: int) -> str:
        return "".join(secrets.choice(_LETTERS) for _ in range(length))
