"""State resolution as the specification writes it, sentence by sentence and as slowly: for comparison.

Everything is a set of whole events; full auth chains are worked out for every event of every state; nothing is kept.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from hashlib import sha1
from math import inf

from hs_core.matrix.auth import AuthState, authorise
from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.event import Event, StateKey, StateMap
from hs_core.matrix.identifiers import EventId
from hs_core.matrix.power_levels import Level, PowerLevels
from hs_core.matrix.room_version import RoomVersion, StateResolution

State = dict[StateKey, Event]
Lookup = Callable[[StateKey], Event | None]


class Literal:
    """The definitions, over all events of a room."""

    def __init__(self, version: RoomVersion, events: Mapping[EventId, Event], rejected: Container[EventId]) -> None:
        self.version = version
        self.events = events
        self.rejected = rejected

    def resolve(self, state_sets: Sequence[StateMap]) -> dict[StateKey, EventId]:
        states = [{key: self.events[event_id] for key, event_id in state.items()} for state in state_sets]
        resolved = self.v1(states) if self.version.state_resolution is StateResolution.V1 else self.v2(states)
        return {key: event.event_id for key, event in resolved.items()}

    # Versions 2 and 2.1.

    def v2(self, states: list[State]) -> State:
        modified = self.version.state_resolution is StateResolution.V2_1
        keys = {key for state in states for key in state}
        unconflicted = {key: states[0][key] for key in keys if len({state.get(key) for state in states}) == 1}
        conflicted = {state[key] for state in states for key in state if key not in unconflicted}
        full = conflicted | self.auth_difference(states)
        if modified:
            full |= self.conflicted_subgraph(conflicted)

        # 1. and 2.
        power = {event for event in full if self.is_power_event(event)}
        x = power | {other for event in power for other in self.auth_chain(event) & full}
        partial = self.auth_checks({} if modified else unconflicted, self.power_ordering(x))
        # 3. and 4.
        rest = self.mainline_ordering(partial.get(("m.room.power_levels", "")), full - x)
        result = self.auth_checks(partial, rest)
        # 5.
        return {**result, **unconflicted}

    def auth_events(self, event: Event) -> list[Event]:
        return [self.events[event_id] for event_id in event.auth_events]

    def auth_chain(self, event: Event) -> set[Event]:
        chain: set[Event] = set()
        pending = self.auth_events(event)
        while pending:
            other = pending.pop()
            if other not in chain:
                chain.add(other)
                pending += self.auth_events(other)
        return chain

    def auth_difference(self, states: list[State]) -> set[Event]:
        chains = [set[Event]().union(*(self.auth_chain(event) for event in state.values())) for state in states]
        return set[Event]().union(*chains) - chains[0].intersection(*chains)

    def conflicted_subgraph(self, conflicted: set[Event]) -> set[Event]:
        chains = {event: self.auth_chain(event) for event in conflicted}
        between = {
            event
            for upper in conflicted
            for lower in conflicted & chains[upper]
            for event in chains[upper]
            if lower in self.auth_chain(event)
        }
        return conflicted | between

    @staticmethod
    def is_power_event(event: Event) -> bool:
        if event.type in {"m.room.power_levels", "m.room.join_rules"}:
            return True
        removal = event.type == "m.room.member" and event.content["membership"] in {"leave", "ban"}
        return removal and event.sender != event.state_key

    def sender_power(self, event: Event) -> Level:
        auth = {other.key: other for other in self.auth_events(event)}
        create = auth.get(("m.room.create", "")) or next(iter(self.events.values()))
        if event.type == "m.room.create":
            create = event
        return PowerLevels.of_room(auth.get(("m.room.power_levels", "")), create).of(event.sender)

    def power_ordering(self, events: set[Event]) -> list[Event]:
        order: list[Event] = []
        while len(order) < len(events):
            left = events.difference(order)
            candidates = [event for event in left if not left & set(self.auth_events(event))]
            order.append(min(candidates, key=lambda e: (-self.sender_power(e), e.origin_server_ts, e.event_id)))
        return order

    def power_levels_line(self, event: Event) -> list[Event]:
        line: list[Event] = []
        found: Event | None = event
        while found is not None:
            found = next((e for e in self.auth_events(found) if e.type == "m.room.power_levels"), None)
            if found is not None:
                line.append(found)
        return line

    def mainline_ordering(self, power_levels: Event | None, events: set[Event]) -> list[Event]:
        mainline = [] if power_levels is None else [power_levels, *self.power_levels_line(power_levels)]

        def position(event: Event) -> float:
            return next((mainline.index(e) for e in self.power_levels_line(event) if e in mainline), inf)

        return sorted(events, key=lambda e: (-position(e), e.origin_server_ts, e.event_id))

    def auth_checks(self, initial: State, events: Iterable[Event]) -> State:
        state = dict(initial)
        for event in events:
            fallback = {e.key: e for e in self.auth_events(event) if e.event_id not in self.rejected}
            if self.version.room_id_is_create_event_id:
                create = next(iter(self.events.values()))
                fallback[create.key] = create
            if self.allowed(event, {**fallback, **state}):
                state[event.key] = event
        return state

    @staticmethod
    def allowed(event: Event, state: State) -> bool:
        try:
            authorise(event, AuthState(state.get))
        except ProtocolError:
            return False
        return True

    # Version 1.

    def v1(self, states: list[State]) -> State:
        at_key: dict[StateKey, set[Event]] = {}
        for state in states:
            for key, event in state.items():
                at_key.setdefault(key, set()).add(event)
        result = {key: next(iter(events)) for key, events in at_key.items() if len(events) == 1}
        conflicts = {key: self.v1_list(events) for key, events in at_key.items() if len(events) > 1}
        for event_type in ("m.room.power_levels", "m.room.join_rules", "m.room.member"):
            before = dict(result)
            for key in (key for key in conflicts if key[0] == event_type):
                r = dict(before)
                for index, event in enumerate(conflicts[key]):
                    if index > 0 and not self.allowed(event, r):
                        break
                    r[key] = event
                result[key] = r[key]
        for key in conflicts.keys() - result.keys():
            allowed = [event for event in conflicts[key] if self.allowed(event, result)]
            # Where the specification is silent: the event with the least depth if none is allowed.
            result[key] = allowed[-1] if allowed else conflicts[key][0]
        return result

    @staticmethod
    def v1_list(events: Iterable[Event]) -> list[Event]:
        by_hash = sorted(events, key=lambda e: sha1(e.event_id.encode()).hexdigest(), reverse=True)
        return sorted(by_hash, key=lambda e: e.depth)
