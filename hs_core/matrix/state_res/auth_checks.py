"""Iterative auth checks (room version 2, "Iterative auth checks"), and the state that they build."""

from collections.abc import Iterable, Mapping, Sequence

from hs_core.matrix.auth import AuthState, auth_event_keys, authorise
from hs_core.matrix.auth.state import CREATE
from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.event import Event, StateKey, StateMap
from hs_core.matrix.identifiers import EventId
from hs_core.matrix.state_res.event_pool import EventPool
from hs_core.matrix.state_res.requests import Walk


class PartialState:
    """A room state that is being resolved: entries set one by one over an initial state that is never copied."""

    def __init__(self, pool: EventPool, initial: StateMap) -> None:
        self.resolved: dict[StateKey, EventId] = {}
        """What has been set."""
        self._initial = initial
        self._pool = pool
        self._auth_state = AuthState(self._lookup)
        self._fallback: Mapping[StateKey, Event] = {}

    def get(self, key: StateKey) -> EventId | None:
        return self.resolved.get(key) or self._initial.get(key)

    def set(self, event: Event) -> None:
        self.resolved[event.key] = event.event_id

    def load_for(self, events: Iterable[Event]) -> Walk[None]:
        """Load what the initial state has of the state that authorises these events."""
        keys = {key for event in events for key in (CREATE, *auth_event_keys(event, event.room_version))}
        yield from self._pool.load(event_id for event_id in map(self._initial.get, keys) if event_id is not None)

    def allows(self, event: Event, fallback: Mapping[StateKey, Event]) -> bool:
        """Whether the authorisation rules allow an event in this state, which `fallback` completes."""
        self._fallback = fallback
        try:
            authorise(event, self._auth_state)
        except ProtocolError:
            return False
        return True

    def _lookup(self, key: StateKey) -> Event | None:
        event_id = self.get(key)
        event = None if event_id is None else self._pool.events.get(event_id)
        return self._fallback.get(key) if event is None else event


def iterative_auth_checks(pool: EventPool, state: PartialState, events: Sequence[Event]) -> Walk[None]:
    """Apply those of the events to the state that are allowed there, in this order.

    "If a `(event_type, state_key)` key that is required for checking the authorisation rules is not present in the
    state, then the appropriate state event from the event's `auth_events` is used if the auth event is not rejected."
    """
    yield from pool.load_auth_events(events)
    yield from state.load_for(events)
    for event in events:
        if state.allows(event, fallback=pool.auth_state(event)):
            state.set(event)
