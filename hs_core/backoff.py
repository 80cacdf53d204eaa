"""How long to leave alone what does not stay up, or does not answer."""

from typing import Final

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 48.0
"""A minute, with what chance adds."""
SETTLED_AFTER: Final = 60.0
"""Seconds of life after which an end is a new misfortune, and not the last one again."""


def pause(failures: int, chance: float, longest: float = LONGEST_PAUSE) -> float:
    """Seconds until the next try, after `failures` in a row; `chance` is in [0, 1).

    Doubles from about one second up to `longest`, and at most a quarter more. Chance keeps apart what failed for
    the same reason.
    """
    ceiling = min(FIRST_PAUSE * 2.0 ** min(max(failures, 1) - 1, 16), longest)
    return ceiling * (0.75 + chance / 2)


def failures_after(failures: int, lived: float) -> int:
    """How many ends in a row there are with the one of a process that lived for so many seconds."""
    return 1 if lived >= SETTLED_AFTER else failures + 1
