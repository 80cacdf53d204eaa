"""Which delayed events somebody wants to see ("Getting a list of delayed events"). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hs_core.errors import InvalidParam

Place = tuple[int, str]
"""The time by which an event is in order, and its ID."""

END: Final = 2**62
"""A time after all others."""
MAX_DIGITS: Final = 16
MAX_TOKEN: Final = 100

_CHOICES: Final[Mapping[str, frozenset[str]]] = {
    "order_by": frozenset({"send_ts", "origin_server_ts", "running_since"}),
    "dir": frozenset({"f", "b"}),
    "status": frozenset({"scheduled", "finalised"}),
    "outcome": frozenset({"send", "cancel", "error"}),
    "reason": frozenset({"action", "delay"}),
}
_EQUAL: Final = ("room_id", "type", "outcome", "reason")


@dataclass(frozen=True)
class Listing:
    """A page of a user's events."""

    order_by: str
    backwards: bool
    start: Place
    """The page has what comes after it, or before it."""
    scheduled: bool | None
    """Whether the events are scheduled still; `None` for all."""
    equal: Mapping[str, str]
    """What else they must be: columns of the table with their values."""


def parse_listing(asked: Mapping[str, str], now: int) -> Listing:
    """From the query of a request. "By default, the first page of results starts from the time the request is made."

    Raises InvalidParam: "If any query parameter is set to an unsupported value".
    """
    for name, choices in _CHOICES.items():
        if name in asked and asked[name] not in choices:
            raise InvalidParam(f"{name} must be one of {', '.join(sorted(choices))}")
    backwards = asked.get("dir") == "b"
    status = asked.get("status")
    return Listing(
        asked.get("order_by", "send_ts"),
        backwards,
        _start(asked, now, backwards),
        None if status is None else status == "scheduled",
        {name: asked[name] for name in _EQUAL if name in asked},
    )


def to_token(place: Place) -> str:
    """For `from`."""
    return f"{place[0]}~{place[1]}"


def _start(asked: Mapping[str, str], now: int, backwards: bool) -> Place:
    token = asked.get("from")
    if token is not None:
        time, _, delay_id = token.partition("~")
        if not delay_id or len(token) > MAX_TOKEN:
            raise InvalidParam("from is not a token of this endpoint")
        return _time("from", time), delay_id
    since = asked.get("since_ts")
    moment = now if since is None else END if since == "end" else _time("since_ts", since)
    return (moment + 1, "") if backwards else (moment, "")


def _time(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > MAX_DIGITS:
        raise InvalidParam(f"{name} must be a time in milliseconds")
    return int(text)
