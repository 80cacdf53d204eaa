"""Filters: what a client wants to be given (client-server API, "Filtering").

`parse_filter` reads the definition that a client sends into a `Filter`, whose parts answer for one event at a time
without looking at the definition again. Keep it as long as the client uses it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, NamedTuple, Self, TypeVar

import msgspec

from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.globs import Glob
from hs_core.matrix.identifiers import RoomId, UserId, parse_room_id, parse_user_id
from hs_core.matrix.property_paths import Selection, parse_path, selection_of

MAX_TYPES: Final = 500
"""How many entries lists of types may have: those with wildcards are tried in turn."""
MAX_ENTRIES: Final = 10_000
"""How many entries other lists may have."""
MAX_ENTRY_LENGTH: Final = 255
"""How long an entry of a list may be, as no event type is longer. Paths of event fields may be four times as long."""

T = TypeVar("T")


class EventFormat(Enum):
    """How a client wants its events."""

    CLIENT = "client"
    FEDERATION = "federation"


class _EventFilterJson(msgspec.Struct, frozen=True):
    """`EventFilter`, and what `RoomEventFilter` adds to it. `null` stands for what is absent."""

    limit: int | None = None
    types: tuple[str, ...] | None = None
    not_types: tuple[str, ...] | None = None
    senders: tuple[str, ...] | None = None
    not_senders: tuple[str, ...] | None = None
    rooms: tuple[str, ...] | None = None
    not_rooms: tuple[str, ...] | None = None
    contains_url: bool | None = None
    lazy_load_members: bool | None = None
    include_redundant_members: bool | None = None
    unread_thread_notifications: bool | None = None


class _RoomFilterJson(msgspec.Struct, frozen=True):
    """`RoomFilter`."""

    rooms: tuple[str, ...] | None = None
    not_rooms: tuple[str, ...] | None = None
    include_leave: bool | None = None
    ephemeral: _EventFilterJson | None = None
    state: _EventFilterJson | None = None
    timeline: _EventFilterJson | None = None
    account_data: _EventFilterJson | None = None


class _FilterJson(msgspec.Struct, frozen=True):
    """`Filter`."""

    event_fields: tuple[str, ...] | None = None
    event_format: EventFormat | None = None
    presence: _EventFilterJson | None = None
    account_data: _EventFilterJson | None = None
    room: _RoomFilterJson | None = None


class _Types(NamedTuple):
    """A list of event types: "a `*` can be used as a wildcard to match any sequence of characters"."""

    exact: frozenset[str]
    patterns: tuple[Glob, ...]

    @classmethod
    def of(cls, types: tuple[str, ...]) -> "_Types":
        _check_lengths(types, MAX_TYPES)
        globs = tuple(Glob(name, question_mark=False) for name in types if "*" in name)
        return cls(frozenset(name for name in types if "*" not in name), globs)

    @property
    def include_all(self) -> bool:
        return any(glob.least_length == 0 for glob in self.patterns)

    def match(self, event_type: str) -> bool:
        return event_type in self.exact or (
            bool(self.patterns) and any(glob.matches(event_type) for glob in self.patterns)
        )


class _Ids(NamedTuple):
    """Which users or rooms are included and excluded."""

    included: frozenset[str] | None
    """`None` for all."""
    excluded: frozenset[str]

    @classmethod
    def of(
        cls, included: tuple[str, ...] | None, excluded: tuple[str, ...] | None, parse: Callable[[object], str]
    ) -> "_Ids":
        _check_lengths((*(included or ()), *(excluded or ())), MAX_ENTRIES)
        return cls(
            None if included is None else frozenset(map(parse, included)),
            frozenset(map(parse, excluded or ())),
        )

    def allow(self, identifier: str | None) -> bool:
        """ "A matching sender will be excluded even if it is listed in the `senders` filter"; so will a room."""
        return (self.included is None or identifier in self.included) and identifier not in self.excluded


@dataclass(frozen=True, slots=True)
class EventFilter:
    """`EventFilter`: by type and sender."""

    limit: int | None
    _types: _Types | None
    _not_types: _Types
    _senders: _Ids

    @classmethod
    def of(cls, definition: _EventFilterJson) -> Self:
        return cls(**_common_parts(definition))

    @property
    def blocks_everything(self) -> bool:
        """Whether no event can pass, so that none needs to be looked for."""
        no_types = self._types is not None and not self._types.exact and not self._types.patterns
        return no_types or self._not_types.include_all or self._senders.included == frozenset()

    def allows(self, event_type: str, sender: UserId | None) -> bool:
        """Whether an event passes. What has no sender (account data, say) passes no list of `senders`."""
        return self.allows_type(event_type) and self._senders.allow(sender)

    def allows_type(self, event_type: str) -> bool:
        """Whether events of a type may pass.

        "A matching type will be excluded even if it is listed in the `types` filter."
        """
        return (self._types is None or self._types.match(event_type)) and not self._not_types.match(event_type)

    @property
    def senders(self) -> frozenset[str] | None:
        """The only senders whose events can pass; `None` if all may."""
        return self._senders.included

    def page_size(self, default: int, maximum: int) -> int:
        """How many events to return: "servers should apply a default value, and impose a maximum value"."""
        return min(default if self.limit is None else self.limit, maximum)


@dataclass(frozen=True, slots=True)
class RoomEventFilter(EventFilter):
    """`RoomEventFilter`: also by room and content, with options for members and threads."""

    _rooms: _Ids
    contains_url: bool | None
    lazy_load_members: bool
    include_redundant_members: bool
    unread_thread_notifications: bool

    @classmethod
    def of(cls, definition: _EventFilterJson) -> Self:
        return cls(
            **_common_parts(definition),
            _rooms=_Ids.of(definition.rooms, definition.not_rooms, parse_room_id),
            contains_url=definition.contains_url,
            lazy_load_members=definition.lazy_load_members is True,
            include_redundant_members=definition.include_redundant_members is True,
            unread_thread_notifications=definition.unread_thread_notifications is True,
        )

    def allows_room(self, room_id: RoomId) -> bool:
        return self._rooms.allow(room_id)

    @property
    def rooms(self) -> frozenset[str] | None:
        """The only rooms that can pass; `None` if all may."""
        return self._rooms.included

    def excludes_room(self, room_id: RoomId) -> bool:
        """Whether `not_rooms` names the room."""
        return room_id in self._rooms.excluded

    def allows_event(self, event_type: str, sender: UserId | None, content: Mapping[str, Any]) -> bool:
        """Whether an event passes that is of a room which passes."""
        # "If `true`, includes only events with a `url` key in their content. If `false`, excludes those events."
        if self.contains_url is not None and ("url" in content) is not self.contains_url:
            return False
        return self.allows(event_type, sender)


@dataclass(frozen=True, slots=True)
class RoomFilter:
    """`RoomFilter`: "filters to be applied to room data"."""

    _rooms: _Ids
    include_leave: bool
    ephemeral: RoomEventFilter
    state: RoomEventFilter
    timeline: RoomEventFilter
    account_data: RoomEventFilter

    @classmethod
    def of(cls, definition: _RoomFilterJson) -> Self:
        def part(part: _EventFilterJson | None) -> RoomEventFilter:
            return RoomEventFilter.of(part or _ABSENT)

        return cls(
            _rooms=_Ids.of(definition.rooms, definition.not_rooms, parse_room_id),
            include_leave=definition.include_leave is True,
            ephemeral=part(definition.ephemeral),
            state=part(definition.state),
            timeline=part(definition.timeline),
            account_data=part(definition.account_data),
        )

    def allows_room(self, room_id: RoomId) -> bool:
        """Whether a room is shown at all; the filter of each part may still leave it out of that part."""
        return self._rooms.allow(room_id)


@dataclass(frozen=True, slots=True)
class Filter:
    """`Filter`: all that a client says about a sync."""

    event_fields: Selection | None
    """The properties to keep of each event (`property_paths.select`); `None` for all."""
    event_format: EventFormat
    presence: EventFilter
    account_data: EventFilter
    room: RoomFilter


def parse_filter(value: object) -> Filter:
    """The filter that a client defines. Properties that are not specified are ignored.

    Raises:
        ProtocolError: `M_BAD_JSON` if it has not the form of one, `M_INVALID_PARAM` if an identifier or number in it is
            not valid, `M_TOO_LARGE` if it has too much of something.
    """
    definition = _convert(value, _FilterJson)
    return Filter(
        event_fields=_selection(definition.event_fields),
        event_format=definition.event_format or EventFormat.CLIENT,
        presence=EventFilter.of(definition.presence or _ABSENT),
        account_data=EventFilter.of(definition.account_data or _ABSENT),
        room=RoomFilter.of(definition.room or _RoomFilterJson()),
    )


def parse_room_event_filter(value: object) -> RoomEventFilter:
    """The filter that a client gives with a request for events of a room. Raises like `parse_filter`."""
    return RoomEventFilter.of(_convert(value, _EventFilterJson))


def _common_parts(definition: _EventFilterJson) -> dict[str, Any]:
    # NOTSPEC: "must be an integer greater than 0", but clients that want no events at all ask for 0.
    if definition.limit is not None and definition.limit < 0:
        raise ProtocolError("the limit of a filter is not negative", "M_INVALID_PARAM")
    return {
        "limit": definition.limit,
        "_types": None if definition.types is None else _Types.of(definition.types),
        "_not_types": _Types.of(definition.not_types or ()),
        "_senders": _Ids.of(definition.senders, definition.not_senders, parse_user_id),
    }


def _selection(paths: tuple[str, ...] | None) -> Selection | None:
    if paths is None:
        return None
    _check_lengths(paths, MAX_TYPES, 4 * MAX_ENTRY_LENGTH)
    return selection_of(map(parse_path, paths))


def _check_lengths(entries: tuple[str, ...], most: int, longest: int = MAX_ENTRY_LENGTH) -> None:
    if len(entries) > most or any(len(entry) > longest for entry in entries):
        raise ProtocolError("a list of the filter has too many or too long entries", "M_TOO_LARGE")


def _convert(value: object, to: type[T]) -> T:
    try:
        return msgspec.convert(value, to)
    except (msgspec.ValidationError, UnicodeEncodeError, RecursionError) as error:
        raise ProtocolError(f"not a filter: {error}") from None


_ABSENT: Final = _EventFilterJson()
DEFAULT_FILTER: Final = parse_filter({})
"""What applies to clients that name no filter: everything, in client format."""
EVERY_ROOM_EVENT: Final = parse_room_event_filter({})
