"""The history of a room with its states, as a server sees it that has every event."""

from collections import OrderedDict
from collections.abc import Collection, Sequence
from typing import Final, TypeAlias

from hs_core.matrix.auth import AuthState, authorise, check_auth_events
from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.event import Event, StateKey, StateMap
from hs_core.matrix.hashing import create_event_id
from hs_core.matrix.identifiers import EventId
from hs_core.matrix.room_version import RoomVersion
from hs_core.matrix.state_res import resolve_with

Place: TypeAlias = Event | Sequence[Event] | None
"""After which events something is; `None`: after all that nothing comes after yet."""

_REMEMBERED_STATES: Final = 64


class RoomHistory:
    """Events of a room, each judged by the authorisation rules, and the state before and after each."""

    def __init__(self, room_version: RoomVersion) -> None:
        self.room_version = room_version
        self.events: dict[EventId, Event] = {}
        """All events, rejected ones included, in the order in which they were added."""
        self.rejected: set[EventId] = set()
        self._tips: dict[EventId, Event] = {}
        self._states: OrderedDict[EventId, dict[StateKey, EventId]] = OrderedDict()

    @property
    def tips(self) -> list[Event]:
        """The accepted events that nothing comes after: the forward extremities."""
        return list(self._tips.values())

    def add(self, event: Event, *, may_be_rejected: bool = False) -> None:
        """Take an event into the room; all that comes before it is there. One that is there already changes nothing.

        Raises:
            Rejected: if the rules refuse it and it may not be.
        """
        if event.event_id in self.events:
            return
        state = self.state_before([self.events[event_id] for event_id in event.prev_events])
        try:
            self._check(event, state)
        except ProtocolError:
            if not may_be_rejected:
                raise
            self.rejected.add(event.event_id)
        self.events[event.event_id] = event
        if event.event_id not in self.rejected:
            for previous in event.prev_events:
                self._tips.pop(previous, None)
            self._tips[event.event_id] = event
        self._remember(event, state)

    def state_after(self, event: Event) -> StateMap:
        """The room state after an event. A rejected event changes nothing."""
        state = self._states.get(event.event_id)
        return self._rebuild(event) if state is None else state

    def state_before(self, after: Place) -> StateMap:
        """The room state before an event that comes after these."""
        previous = self.place(after)
        return self.state_after(previous[0]) if len(previous) == 1 else self.resolve(*previous)

    def resolve(self, *tips: Event) -> StateMap:
        """The resolution of the states after some events."""
        return self.resolve_states(*map(self.state_after, tips))

    def resolve_states(self, *states: StateMap) -> StateMap:
        """The resolution of any states of this room."""
        return resolve_with(self.room_version, states, lambda _: self.events, self.rejected)

    def auth_chain(self, events: Collection[Event]) -> set[EventId]:
        """The union of the auth chains of some events."""
        chain: set[EventId] = set()
        pending = list(events)
        while pending:
            for event_id in pending.pop().auth_events:
                if event_id not in chain:
                    chain.add(event_id)
                    pending.append(self.events[event_id])
        return chain

    def place(self, after: Place) -> list[Event]:
        """The events that a place is after."""
        if after is None:
            return self.tips
        return [after] if isinstance(after, Event) else list(after)

    def _check(self, event: Event, state: StateMap) -> None:
        create = None
        if self.room_version.room_id_is_create_event_id and event.type != "m.room.create":
            create = self.events.get(create_event_id(event.room_id))
        auth_events = [self.events[event_id] for event_id in event.auth_events]
        check_auth_events(event, auth_events, self.rejected, create)
        authorise(event, AuthState.from_events(auth_events if create is None else [*auth_events, create]))
        authorise(event, AuthState(lambda key: self.events[state[key]] if key in state else None))

    def _remember(self, event: Event, before: StateMap) -> None:
        state = dict(before)
        if event.is_state and event.event_id not in self.rejected:
            state[event.key] = event.event_id
        self._states[event.event_id] = state
        if len(self._states) > _REMEMBERED_STATES:
            self._states.popitem(last=False)

    def _rebuild(self, event: Event) -> StateMap:
        """Work out a forgotten state from the last one before it that was not, or from a merge of branches."""
        line = [event]
        while len(line[-1].prev_events) == 1 and line[-1].prev_events[0] not in self._states:
            line.append(self.events[line[-1].prev_events[0]])
        state = dict(self.state_before([self.events[event_id] for event_id in line[-1].prev_events]))
        for later in reversed(line):
            if later.is_state and later.event_id not in self.rejected:
                state[later.key] = later.event_id
        self._remember(event, state)
        return state
