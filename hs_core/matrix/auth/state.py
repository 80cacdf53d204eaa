"""The room state as the authorisation rules ask for it."""

from collections.abc import Callable, Iterable
from typing import Final, Self, TypeAlias

import msgspec

from hs_core.matrix.errors import Rejected
from hs_core.matrix.event import Event, Json, StateKey
from hs_core.matrix.identifiers import ServerName, UserId, server_name_of
from hs_core.matrix.membership import Membership, membership_of
from hs_core.matrix.power_levels import PowerLevels, room_creators

StateLookup: TypeAlias = Callable[[StateKey], Event | None]
"""Which state event is current for a (type, state_key): the `get` of a dict, or of anything else that knows."""

CREATE: Final[StateKey] = ("m.room.create", "")
POWER_LEVELS: Final[StateKey] = ("m.room.power_levels", "")
JOIN_RULES: Final[StateKey] = ("m.room.join_rules", "")

_REMEMBERED_POWER_LEVELS: Final = 8


class Creation(msgspec.Struct, frozen=True, eq=False):
    """What a room's create event says, read once."""

    event: Event
    server_name: ServerName
    """The server of the event's sender."""
    creators: frozenset[UserId]
    federates: bool

    @classmethod
    def from_event(cls, event: Event) -> Self:
        # "If the `content` of the `m.room.create` event in the room state has the property `m.federate` set to `false`"
        return cls(
            event, server_name_of(event.sender), room_creators(event), event.content.get("m.federate") is not False
        )


class AuthState:
    """A view of some room state that remembers what it has parsed.

    The lookup is asked anew each time, and what was parsed is remembered with the `Event` object that it came from: the
    state below may change at any time (also to the redacted form of an event), so one view lasts as long as whoever
    keeps the state. To authorise a message costs four lookups. Not for several threads at once.
    """

    __slots__ = ("_creation", "_lookup", "_power_levels")

    def __init__(self, lookup: StateLookup) -> None:
        self._lookup = lookup
        self._creation: Creation | None = None
        self._power_levels: dict[str, tuple[Event | None, PowerLevels]] = {}

    @classmethod
    def from_events(cls, events: Iterable[Event]) -> Self:
        """The state that consists of these state events.

        To authorise an event by its own `auth_events`, add the create event in the room versions whose `auth_events` do
        not name it.
        """
        return cls({event.key: event for event in events if event.is_state}.get)

    def get(self, event_type: str, state_key: str) -> Event | None:
        return self._lookup((event_type, state_key))

    @property
    def creation(self) -> Creation:
        """What the create event says. Raises `Rejected` if there is none."""
        event = self._lookup(CREATE)
        if event is None:
            raise Rejected("there is no m.room.create event")
        creation = self._creation
        if creation is None or creation.event is not event:
            creation = self._creation = Creation.from_event(event)
            self._power_levels.clear()
        return creation

    @property
    def power_levels(self) -> PowerLevels:
        """The current power levels, or those of a room that has none set. Raises `Rejected` without a create event."""
        creation = self.creation
        event = self._lookup(POWER_LEVELS)
        key = "" if event is None else event.event_id
        remembered = self._power_levels.get(key)
        if remembered is not None and remembered[0] is event:
            return remembered[1]
        if len(self._power_levels) >= _REMEMBERED_POWER_LEVELS:
            self._power_levels.clear()
        levels = PowerLevels.of_room(event, creation.event)
        self._power_levels[key] = (event, levels)
        return levels

    @property
    def join_rule(self) -> Json:
        """The current `join_rule`, of whatever type somebody gave it; `invite` if there is none."""
        event = self._lookup(JOIN_RULES)
        return "invite" if event is None else event.content.get("join_rule", "invite")

    def membership(self, user: str) -> Membership:
        """The current membership of a user; `leave` for those who never had any."""
        return membership_of(self._lookup(("m.room.member", user)))
