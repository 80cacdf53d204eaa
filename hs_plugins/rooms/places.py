"""Places in timelines, and the tokens by which clients name them (client-server API, "Pagination").

A client pages through a room from a place that `/messages` or `/sync` gave it (`prev_batch`, `end`, written `t7_5203`),
or from where one of its syncs ended (`next_batch`), which names a position of the `events` stream instead.
"""

import re
from typing import Final, Protocol

import msgspec

from hs_core.errors import InvalidParam
from hs_core.matrix.identifiers import RoomId
from hs_core.streams.token import EVENTS_KEY, parse_token


class Place(msgspec.Struct, frozen=True, order=True):
    """A place between two events of a room's timeline: just after the event with this depth and position."""

    depth: int
    position: int


class Purge(msgspec.Struct, frozen=True):
    """A purge of a room's history, and how far it has come."""

    purge_id: str
    room_id: RoomId
    depth: int
    position: int
    """The place up to which the timeline goes."""
    purged: int
    """Events that are gone."""
    finished_ts: int | None
    """When the last of them went, in milliseconds since the epoch."""


class PlaceFinder(Protocol):
    """The part of `Timelines` that knows where in a room the stream was."""

    async def place_at(self, room_id: RoomId, position: int) -> Place: ...


_PLACE: Final = re.compile(r"t(-?\d{1,19})_(-?\d{1,19})", re.ASCII)
_MOST: Final = 2**63 - 1


def place_to_token(place: Place) -> str:
    """The place as clients carry it."""
    return f"t{place.depth}_{place.position}"


async def place_from_token(token: str, room_id: RoomId, timelines: PlaceFinder) -> Place:
    """The place in a room that a client names: by a `place_to_token`, or by where a sync of its ended.

    Raises InvalidParam if it is neither.
    """
    if match := _PLACE.fullmatch(token):
        place = Place(int(match[1]), int(match[2]))
        if max(abs(place.depth), abs(place.position)) > _MOST:
            raise InvalidParam("That is no place in a room")
        return place
    return await timelines.place_at(room_id, parse_token(token).get(EVENTS_KEY, 0))
