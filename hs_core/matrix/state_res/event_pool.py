"""The events that one resolution has seen so far."""

from collections.abc import Iterable, Iterator
from itertools import chain

from hs_core.matrix.event import Event, StateKey
from hs_core.matrix.hashing import create_event_id
from hs_core.matrix.identifiers import EventId
from hs_core.matrix.state_res.requests import FetchedEvents, FetchEvents, Walk


class EventPool:
    """Asks for each event once, in batches, and keeps it."""

    def __init__(self) -> None:
        self.events: dict[EventId, Event] = {}
        """The loaded events that the caller knew."""
        self._asked: set[EventId] = set()
        self._rejected: set[EventId] = set()

    def load(self, event_ids: Iterable[EventId]) -> Walk[None]:
        """Have these events in `events` afterwards, except those that nobody knows."""
        wanted = frozenset(event_ids).difference(self._asked)
        if not wanted:
            return
        self._asked |= wanted
        reply = yield FetchEvents(wanted)
        assert isinstance(reply, FetchedEvents), "FetchEvents is answered with FetchedEvents"
        known, rejected = reply.events, reply.rejected
        for event_id in wanted:
            event = known.get(event_id)
            if event is not None:
                self.events[event_id] = event
                if event_id in rejected:
                    self._rejected.add(event_id)

    def load_auth_events(self, events: Iterable[Event]) -> Walk[None]:
        """Have what authorises these events in `events` afterwards."""
        return self.load(chain.from_iterable(map(_authorising_ids, events)))

    def known(self, event_ids: Iterable[EventId]) -> Iterator[Event]:
        """Those of the events that were loaded and are known."""
        return (self.events[event_id] for event_id in event_ids if event_id in self.events)

    def auth_event(self, event: Event, key: StateKey) -> Event | None:
        """The one of the event's auth events that is the state under that key; rejected or not."""
        return next(
            (other for other in self.known(_authorising_ids(event)) if (other.type, other.state_key) == key), None
        )

    def auth_state(self, event: Event) -> dict[StateKey, Event]:
        """The state that those of the event's auth events make up that were not rejected."""
        state: dict[StateKey, Event] = {}
        for other in self.known(_authorising_ids(event)):
            if other.is_state and other.event_id not in self._rejected:
                state.setdefault(other.key, other)
        return state


def _authorising_ids(event: Event) -> tuple[EventId, ...]:
    """The auth events, and the create event in the room versions in which "the `room_id` implies this instead"."""
    if event.room_version.create_event_in_auth_events or event.type == "m.room.create":
        return event.auth_events
    return (*event.auth_events, create_event_id(event.room_id))
