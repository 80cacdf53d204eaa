"""Hash and verify passwords, off the event loop and few at a time."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from hs_core.errors import InvalidParam, Unavailable

T = TypeVar("T")

MAX_LENGTH: Final = 512
"""Characters of a password."""
AT_ONCE: Final = 2
"""Threads, each of which needs a core and `memory_cost`."""
MAX_WAITING: Final = 100
"""More are told to come back: at 40 ms each they would have waited for seconds."""


class Passwords:
    """Argon2id. Close it when no more passwords are to be checked."""

    def __init__(self, *, minimum_cost: bool = False) -> None:
        """`minimum_cost` is for tests that register thousands of users."""
        self._hasher = (
            PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
            if minimum_cost
            else PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
        )
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="password")
        self._waiting = 0
        self._nobodys = self._hasher.hash("")

    def close(self) -> None:
        self._threads.shutdown()

    async def hash(self, password: str) -> str:
        """What is stored. Raises InvalidParam for a password that is empty or too long, Unavailable under load."""
        if not password:
            raise InvalidParam("The password is empty")
        if len(password) > MAX_LENGTH:
            raise InvalidParam(f"The password has more than {MAX_LENGTH} characters")
        return await self._off_the_loop(lambda: self._hasher.hash(_normal(password)))

    async def verify(self, password: str, stored: str | None) -> bool:
        """Whether `stored` was made from this password. Takes as long for an account that has none.

        Raises Unavailable under load.
        """
        if len(password) > MAX_LENGTH:
            return False
        known = await self._off_the_loop(lambda: self._verify(_normal(password), stored or self._nobodys))
        return known and stored is not None

    def _verify(self, password: str, stored: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _off_the_loop(self, work: Callable[[], T]) -> T:
        if self._waiting >= MAX_WAITING:
            raise Unavailable("Too many are logging in at the moment")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def _normal(password: str) -> str:
    """The same password from every keyboard (NFKC)."""
    return unicodedata.normalize("NFKC", password)
