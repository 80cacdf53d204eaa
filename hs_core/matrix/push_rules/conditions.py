"""Conditions of push rules (client-server API, "Conditions").

A condition is compiled once, when the rules of a user are loaded, and then asked for every event. What only depends on
the event is computed once for all users, in `EventView`.
"""

import operator
import re
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final, NamedTuple, TypeAlias

from hs_core.matrix.event import Event
from hs_core.matrix.globs import Glob, contains_words
from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.matrix.power_levels import PowerLevels
from hs_core.matrix.property_paths import ABSENT, PropertyPath, parse_path, property_at

_BODY: Final = ("content", "body")
_MEMBER_COUNT: Final = re.compile(r"(==|<=|>=|<|>)?([0-9]{1,15})")
_COMPARE: Final = {
    None: operator.eq,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


class OwnUserId(Enum):
    """Stands in the default rules where the specification says "[the user's Matrix ID]"."""

    OWN_USER_ID = "[the user's Matrix ID]"


OWN_USER_ID: Final = OwnUserId.OWN_USER_ID


class EventView:
    """An event as the conditions see it. Make one for each event and ask it for all users."""

    __slots__ = ("_event", "_folded", "_values", "room_id", "sender")

    def __init__(self, event: Event) -> None:
        self.sender = event.sender
        self.room_id = event.room_id
        self._event: dict[str, Any] = {
            "event_id": event.event_id,
            "room_id": event.room_id,
            "sender": event.sender,
            "type": event.type,
            "origin_server_ts": event.origin_server_ts,
            "content": event.content,
        }
        if event.state_key is not None:
            self._event["state_key"] = event.state_key
        self._values: dict[PropertyPath, Any] = {}
        self._folded: dict[PropertyPath, str | None] = {}

    @classmethod
    def of_client_event(cls, event: Mapping[str, Any], room_id: RoomId) -> "EventView":
        """The same of an event in the format for clients, without its `room_id`."""
        view = cls.__new__(cls)
        view.sender, view.room_id = event["sender"], room_id
        view._event = {**event, "room_id": room_id}
        view._values, view._folded = {}, {}
        return view

    def value(self, path: PropertyPath) -> Any:
        """The property at `path`, or `ABSENT`."""
        if path not in self._values:
            self._values[path] = property_at(self._event, path)
        return self._values[path]

    def folded(self, path: PropertyPath) -> str | None:
        """The property at `path` for matching without case, if it is text."""
        if path not in self._folded:
            value = self.value(path)
            self._folded[path] = fold(value) if isinstance(value, str) else None
        return self._folded[path]


class RoomView(NamedTuple):
    """What the conditions need to know of the room at the event."""

    member_count: int
    """How many are joined."""
    power_levels: PowerLevels


class Recipient(NamedTuple):
    """Whose rules are evaluated."""

    user_id: UserId
    display_name: str | None
    """In that room."""


Condition: TypeAlias = Callable[[EventView, RoomView, Recipient], bool]


def fold(text: str) -> str:
    """ "The exact meaning of "case insensitive" is defined by the implementation of the homeserver": lower case."""
    return text.lower()


def compile_condition(condition: Mapping[str, Any]) -> Condition | None:
    """The test that a condition stands for.

    `None` for conditions that never hold: "Unrecognised conditions MUST NOT match any events, effectively making the
    push rule disabled." The same goes for those that lack their parameters.
    """
    kind = condition.get("kind")
    compiler = _COMPILERS.get(kind) if isinstance(kind, str) else None
    return compiler(condition) if compiler is not None else None


def is_recognised(kind: str) -> bool:
    return kind in _COMPILERS


def compile_pattern(path: PropertyPath, pattern: str) -> Condition:
    """ "A glob pattern match on a property of the event", within `content.body` "at word boundaries"."""
    glob = Glob(fold(pattern))
    literal = glob.literal
    if path == _BODY:
        return lambda event, room, recipient: (text := event.folded(path)) is not None and glob.matches_words(text)
    if literal is not None:
        return lambda event, room, recipient: event.folded(path) == literal
    return lambda event, room, recipient: (text := event.folded(path)) is not None and glob.matches(text)


def _event_match(condition: Mapping[str, Any]) -> Condition | None:
    path, pattern = _path_of(condition), condition.get("pattern")
    if path is None:
        return None
    if pattern is OWN_USER_ID:
        return lambda event, room, recipient: event.value(path) == recipient.user_id
    return compile_pattern(path, pattern) if isinstance(pattern, str) else None


def _event_property_is(condition: Mapping[str, Any]) -> Condition | None:
    path, value = _path_of(condition), condition.get("value", ABSENT)
    if path is None or not is_simple(value):
        return None
    return lambda event, room, recipient: _is_exactly(event.value(path), value)


def _event_property_contains(condition: Mapping[str, Any]) -> Condition | None:
    path, value = _path_of(condition), condition.get("value", ABSENT)
    if path is None:
        return None
    if value is OWN_USER_ID:
        return lambda event, room, recipient: _contains(event.value(path), recipient.user_id)
    if not is_simple(value):
        return None
    return lambda event, room, recipient: _contains(event.value(path), value)


def _contains_display_name(condition: Mapping[str, Any]) -> Condition | None:
    def holds(event: EventView, room: RoomView, recipient: Recipient) -> bool:
        body = event.folded(_BODY)
        return bool(recipient.display_name and body and contains_words(body, fold(recipient.display_name)))

    return holds


def _room_member_count(condition: Mapping[str, Any]) -> Condition | None:
    wanted = condition.get("is")
    match = _MEMBER_COUNT.fullmatch(wanted) if isinstance(wanted, str) else None
    if match is None:
        return None
    compare, count = _COMPARE[match[1]], int(match[2])
    return lambda event, room, recipient: bool(compare(room.member_count, count))


def _sender_notification_permission(condition: Mapping[str, Any]) -> Condition | None:
    key = condition.get("key")
    if not isinstance(key, str):
        return None
    return lambda event, room, recipient: room.power_levels.may_notify(event.sender, key)


_COMPILERS: Final[dict[str, Callable[[Mapping[str, Any]], Condition | None]]] = {
    "event_match": _event_match,
    "event_property_is": _event_property_is,
    "event_property_contains": _event_property_contains,
    "contains_display_name": _contains_display_name,
    "room_member_count": _room_member_count,
    "sender_notification_permission": _sender_notification_permission,
}


def is_simple(value: object) -> bool:
    """Whether it is one of the "non-compound canonical JSON values" that conditions compare."""
    return value is None or isinstance(value, str | bool | int)


def _path_of(condition: Mapping[str, Any]) -> PropertyPath | None:
    key = condition.get("key")
    return parse_path(key) if isinstance(key, str) else None


def _is_exactly(value: object, wanted: object) -> bool:
    """Equal and of the same type: in JSON, unlike here, `1` is not `true`."""
    return type(value) is type(wanted) and value == wanted


def _contains(value: object, wanted: object) -> bool:
    return isinstance(value, list | tuple) and any(_is_exactly(item, wanted) for item in value)
