"""Telling a push gateway, and understanding what it says to that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import orjson

from hs_core.outbound import Answer, Outbound, OutboundError
from hs_plugins.pusher.outcomes import TOLD, Outcome, Verdict

MAX_ANSWER: Final = 64 * 1024
"""Bytes; what it says about one pushkey is short."""
_UNWANTED: Final = frozenset({400, 413, 422})
"""What is said of a request, rather than of the gateway or of those who may ask it."""
_HEADERS: Final = {"Content-Type": "application/json"}
_DIGITS: Final = 6


class _Rejected(msgspec.Struct):
    rejected: list[str] = []


@dataclass(frozen=True)
class Gateway:
    """Any gateway."""

    outbound: Outbound
    seconds: float
    """In which one must have answered."""

    async def notify(self, url: str, pushkey: str, notification: Mapping[str, Any]) -> Outcome:
        """Tell the gateway at a URL something for one pushkey."""
        body = orjson.dumps({"notification": notification})
        try:
            answer = await self.outbound.request(
                "POST", url, headers=_HEADERS, body=body, seconds=self.seconds, max_bytes=MAX_ANSWER
            )
        except OutboundError as error:
            return Outcome(Verdict.FAILED, str(error))
        return understand(answer, pushkey)


def understand(answer: Answer, pushkey: str) -> Outcome:
    """What an answer says of the pushkey."""
    if 200 <= answer.status < 300:
        try:
            rejected = msgspec.json.decode(answer.body, type=_Rejected).rejected
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return TOLD  # whatever it says, it is no error
        return Outcome(Verdict.GONE, "the gateway rejects the pushkey") if pushkey in rejected else TOLD
    reason = f"answered {answer.status}"
    if answer.status in _UNWANTED:
        return Outcome(Verdict.UNWANTED, reason)
    return Outcome(Verdict.FAILED, reason, wait_ms=_retry_after_ms(answer.headers.get("retry-after")))


def _retry_after_ms(value: str | None) -> int:
    if value is None or not (value.isascii() and value.isdigit() and len(value) <= _DIGITS):
        return 0
    return int(value) * 1000
