"""Mainline ordering (room version 2, "Mainline ordering")."""

from collections.abc import Collection, Container
from functools import partial
from itertools import takewhile
from math import inf
from operator import ne
from typing import TypeAlias

from hs_core.matrix.auth.state import POWER_LEVELS
from hs_core.matrix.event import Event
from hs_core.matrix.identifiers import EventId
from hs_core.matrix.state_res.event_pool import EventPool
from hs_core.matrix.state_res.requests import Walk

Position: TypeAlias = int | float
"""A mainline position, from 0. "∞ is a sentinel value greater than any integer." """


def mainline_order(pool: EventPool, power_levels: EventId | None, events: Collection[Event]) -> Walk[list[Event]]:
    """The events in the mainline ordering based on a power levels event, or on none."""
    yield from pool.load_auth_events(events)
    mainline = _Mainline(pool, power_levels)
    keys: dict[EventId, tuple[Position, int, EventId]] = {}
    for event in events:
        position = yield from mainline.position(event)
        keys[event.event_id] = (-position, event.origin_server_ts, event.event_id)
    return sorted(events, key=lambda event: keys[event.event_id])


class _Mainline:
    """The mainline of an event, followed no further back than is needed to place other events.

    The mainline and the line of power levels events that begins at an event are followed in turn until they meet.
    """

    def __init__(self, pool: EventPool, power_levels: EventId | None) -> None:
        self._pool = pool
        self._tip = power_levels
        """The last event of the mainline that was reached; `None` if there are no more."""
        self._indices: dict[EventId, int] = {} if power_levels is None else {power_levels: 0}
        self._positions: dict[EventId, Position] = {}
        """The positions of events by the power levels event in their auth events, if that is not in the mainline."""

    def position(self, event: Event) -> Walk[Position]:
        """The mainline position of an event whose auth events are loaded."""
        start = self._pool.auth_event(event, POWER_LEVELS)
        if start is None or not self._indices:
            return inf
        position = self._known_position(start.event_id)
        return (yield from self._follow(start.event_id)) if position is None else position

    def _known_position(self, event_id: EventId) -> Position | None:
        index = self._indices.get(event_id)
        return self._positions.get(event_id) if index is None else index

    def _follow(self, start: EventId) -> Walk[Position]:
        """Find "the smallest index j ≥ 1 for which e_j belongs to the mainline", for events whose e_1 is `start`."""
        line: dict[EventId, None] = {}
        tail: EventId | None = start
        position: Position | None = None
        while position is None and (tail is not None or self._tip is not None):
            yield from self._load_auth_events(tail, self._tip)
            if tail is not None:
                line[tail] = None
                tail = self._previous(tail, line)
            met = self._extend()
            if met in line:
                line = dict.fromkeys(takewhile(partial(ne, met), line))
                position = self._indices[met]
            elif tail is not None:
                position = self._known_position(tail)
        self._positions.update(dict.fromkeys(line, inf if position is None else position))
        return inf if position is None else position

    def _load_auth_events(self, *event_ids: EventId | None) -> Walk[None]:
        wanted = [event_id for event_id in event_ids if event_id is not None]
        yield from self._pool.load(wanted)
        yield from self._pool.load_auth_events(self._pool.known(wanted))

    def _extend(self) -> EventId | None:
        """Follow the mainline for one more event, if there is one, and return it."""
        if self._tip is not None:
            self._tip = self._previous(self._tip, self._indices)
            if self._tip is not None:
                self._indices[self._tip] = len(self._indices)
        return self._tip

    def _previous(self, event_id: EventId, passed: Container[EventId]) -> EventId | None:
        """The power levels event in the auth events of another. A line that somebody bent into a circle ends there."""
        for event in self._pool.known([event_id]):
            previous = self._pool.auth_event(event, POWER_LEVELS)
            if previous is not None and previous.event_id not in passed:
                return previous.event_id
        return None
