"""Calls that must not be done again, although whoever did them died before it could answer.

Most calls are harmless to repeat. One that is not writes down, in the transaction that does it, that it is done.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from hs_core.cluster.members import NOW_MS
from hs_core.db import Transaction

KEPT_MS: Final = 10 * 60 * 1000
"""Longer than anybody asks again for a call."""

_NO_KEY: Final = ""
_key: ContextVar[str] = ContextVar("call_key", default=_NO_KEY)

_DONE: Final = f"INSERT INTO calls_done (key, done_ms) VALUES (?, {NOW_MS}) ON CONFLICT (key) DO NOTHING"
_FORGET: Final = f"DELETE FROM calls_done WHERE done_ms < {NOW_MS} - ?"


def call_key() -> str:
    """The key of the call that the running method of a service answers; empty if nobody will make that call again.

    To be asked for at the beginning of the method: a unit of work runs elsewhere, and does not know.
    """
    return _key.get()


def done_before(tx: Transaction, key: str) -> bool:
    """Whether the call with this key has been done; if not, it has been as soon as `tx` is committed.

    What its caller is to be answered has to be found in what the call wrote.
    """
    return key != _NO_KEY and tx.run(_DONE, (key,)) == 0


def forget_old(tx: Transaction) -> None:
    """Forget the calls that nobody asks for any more."""
    tx.run(_FORGET, (KEPT_MS,))


@contextmanager
def answering(key: str = _NO_KEY) -> Iterator[None]:
    """The block answers the call with this key; without one, a call that this process makes to itself."""
    before = _key.set(key)
    try:
        yield
    finally:
        _key.reset(before)
