"""What follows from a gateway's answer for what a pusher is told next. Pure."""

from __future__ import annotations

from enum import Enum
from typing import Final

import msgspec

from hs_core.backoff import pause
from hs_plugins.pusher.values import Progress

LONGEST_PAUSE_MS: Final = 3_600_000
"""Between two tries, but for what chance adds."""
MAX_REFUSALS: Final = 3
"""After so many a notification is left out that the gateway does not want, lest all that follow wait for it."""


class Verdict(Enum):
    """What an answer says."""

    TOLD = "told"
    GONE = "gone"
    """The pushkey is rejected: the pusher is to be removed."""
    UNWANTED = "unwanted"
    """The gateway is there, and does not take this notification."""
    FAILED = "failed"


class Outcome(msgspec.Struct, frozen=True):
    """How an attempt to tell a gateway something ended."""

    verdict: Verdict
    reason: str = ""
    wait_ms: int = 0
    """How long the gateway wants to be left alone."""


TOLD: Final = Outcome(Verdict.TOLD)


def after_failure(progress: Progress, outcome: Outcome, now: int, chance: float) -> Progress:
    """The same is to be told again, later: "The homeserver SHOULD retry for a reasonable amount of time using
    exponential backoff".
    """
    failures = progress.failures + 1
    pause_ms = round(pause(failures, chance, LONGEST_PAUSE_MS / 1000) * 1000)
    wait = max(pause_ms, min(outcome.wait_ms, LONGEST_PAUSE_MS))
    return msgspec.structs.replace(
        progress,
        failures=failures,
        failing_since=progress.failing_since or now,
        retry_ts=now + wait,
        refusals=progress.refusals + (outcome.verdict is Verdict.UNWANTED),
    )


def is_hopeless(progress: Progress, outcome: Outcome) -> bool:
    """Whether what was to be told is better left out than tried again."""
    return outcome.verdict is Verdict.UNWANTED and progress.refusals + 1 >= MAX_REFUSALS
