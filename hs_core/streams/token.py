"""The tokens of `/sync`: how far in each stream a client has been told (client-server API, "Syncing").

Positions of a stream become visible in their order and without holes (see `hs_core.streams.writer.Log`), so one number
for each stream is enough, whichever process wrote and whichever reads. (Of streams in memory that is so in one process;
see docs/adr/0004.) A token names its streams by short keys:
`s1_e5203_r9`. What is not understood is left out and what is missing counts as the beginning, so that tokens outlive
plugins that come and go.
"""

import re
from collections.abc import Mapping
from typing import Final

from hs_core.errors import InvalidParam

EVENTS_KEY: Final = "e"
"""Stands for the stream of room events."""

_FORMAT: Final = "s1"
_MAX_LENGTH: Final = 1000
_TOKEN: Final = re.compile(r"s1(?:_[a-z]{1,8}\d{1,19})*", re.ASCII)
_FIELD: Final = re.compile(r"_([a-z]+)(\d+)", re.ASCII)
_MOST: Final = 2**63 - 1


def is_key(text: str) -> bool:
    """Whether a stream can have this key: one to eight lower-case letters."""
    return re.fullmatch(r"[a-z]{1,8}", text) is not None


def format_token(positions: Mapping[str, int]) -> str:
    """The token for positions by key (see `is_key`)."""
    return _FORMAT + "".join([f"_{key}{position}" for key, position in positions.items()])


def parse_token(token: str) -> dict[str, int]:
    """The positions that a token names. Raises InvalidParam if it is no such token."""
    if len(token) > _MAX_LENGTH or not _TOKEN.fullmatch(token):
        raise InvalidParam("That token did not come from a sync")
    positions = {key: int(digits) for key, digits in _FIELD.findall(token)}
    if any(position > _MOST for position in positions.values()):
        raise InvalidParam("That token did not come from a sync")
    return positions
