"""Power events and their order (room version 2, "Power events", "Reverse topological power ordering")."""

from collections.abc import Collection, Iterable, Set
from heapq import heapify, heappop, heappush

from hs_core.matrix.auth.state import CREATE, POWER_LEVELS
from hs_core.matrix.event import Event
from hs_core.matrix.identifiers import EventId
from hs_core.matrix.power_levels import Level, PowerLevels
from hs_core.matrix.state_res.event_pool import EventPool
from hs_core.matrix.state_res.requests import Walk


def is_power_event(event: Event) -> bool:
    """Whether a state event "might remove someone's ability to do something in the room"."""
    # "A power event is a state event with type `m.room.power_levels` or `m.room.join_rules`, or a state event with type
    # `m.room.member` where the `membership` is `leave` or `ban` and the `sender` does not match the `state_key`."
    if event.type == "m.room.member":
        return event.content.get("membership") in ("leave", "ban") and event.sender != event.state_key
    return event.type in {"m.room.power_levels", "m.room.join_rules"}


def with_auth_chains(
    pool: EventPool, events: Iterable[Event], among: Set[EventId], through: Set[EventId]
) -> set[EventId]:
    """These events and those in their auth chains that are `among` some events.

    `through` contains the events on all paths from one of `events` to one of `among`, which are loaded.
    """
    reached = {event.event_id for event in events}
    pending = list(reached)
    while pending:
        for event in pool.known([pending.pop()]):
            below = [event_id for event_id in event.auth_events if event_id in through and event_id not in reached]
            reached.update(below)
            pending += below
    return reached.intersection(among)


def reverse_topological_power_order(pool: EventPool, events: Collection[Event]) -> Walk[list[Event]]:
    """The events from earliest to latest, by Kahn's algorithm: "at each step selecting, among all the candidate
    vertices, the smallest vertex".
    """
    yield from pool.load_auth_events(events)
    powers = _SenderPowers(pool)
    vertices = {event.event_id: (-powers.of(event), event.origin_server_ts, event.event_id) for event in events}
    waiting_for: dict[EventId, int] = {}
    cited_by: dict[EventId, list[EventId]] = {}
    for event in events:
        cited = vertices.keys() & set(event.auth_events)
        waiting_for[event.event_id] = len(cited)
        for event_id in cited:
            cited_by.setdefault(event_id, []).append(event.event_id)
    candidates = [vertices[event_id] for event_id, count in waiting_for.items() if count == 0]
    heapify(candidates)
    order = []
    while candidates:
        _, _, event_id = heappop(candidates)
        order.append(pool.events[event_id])
        for later in cited_by.get(event_id, ()):
            waiting_for[later] -= 1
            if waiting_for[later] == 0:
                heappush(candidates, vertices[later])
    return order


class _SenderPowers:
    """The power levels of senders "when looking at their respective `auth_event`s". Each such event is read once."""

    def __init__(self, pool: EventPool) -> None:
        self._pool = pool
        self._levels: dict[tuple[Event | None, Event], PowerLevels] = {}

    def of(self, event: Event) -> Level:
        create = event if event.type == "m.room.create" else self._pool.auth_event(event, CREATE)
        power_levels = self._pool.auth_event(event, POWER_LEVELS)
        if create is None:
            # The create event is unknown, so nobody is the creator.
            content = {} if power_levels is None else power_levels.content
            return PowerLevels.from_content(content, event.room_version, frozenset()).of(event.sender)
        levels = self._levels.get((power_levels, create))
        if levels is None:
            levels = self._levels[power_levels, create] = PowerLevels.of_room(power_levels, create)
        return levels.of(event.sender)
