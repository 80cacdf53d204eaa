"""Who may do what in a room (client-server API, `m.room.power_levels`; room versions, "Authorisation rules").

Before room version 10 the content of `m.room.power_levels` was hardly checked: apart from `users`, a level may be
anything at all. One that is `null` is as good as left out. One that cannot be read is out of reach: nobody meets it as
a requirement, and as somebody's power it is less than any other. So every question here has an answer, and the answer
to a malformed level is no.
"""

import re
from collections.abc import Mapping, Set
from math import inf, isfinite
from typing import Final, Self, TypeAlias

import msgspec

from hs_core.matrix.event import Event, Json
from hs_core.matrix.identifiers import UserId
from hs_core.matrix.room_version import RoomVersion

Level: TypeAlias = int | float
"""An integer of any size, or plus or minus infinity."""

LEVEL_DEFAULTS: Final[Mapping[str, int]] = {
    "users_default": 0,
    "events_default": 0,
    "state_default": 50,
    "ban": 50,
    "redact": 50,
    "kick": 50,
    "invite": 0,
}
"""The properties that are one level each, and what they are if absent, or if the room has no power levels at all."""

_CREATOR_WITHOUT_POWER_LEVELS: Final = 100
_NOTIFICATION_DEFAULT: Final = 50

_INTEGER = re.compile(r"[+-]?[0-9]+")


class PowerLevels(msgspec.Struct, frozen=True, eq=False):
    """The power levels of a room at one moment, read from the event once and then only asked."""

    users: Mapping[str, Level]
    users_default: Level
    events: Mapping[str, Level]
    events_default: Level
    state_default: Level
    ban: Level
    kick: Level
    redact: Level
    invite: Level
    notifications: Mapping[str, Level]

    @classmethod
    def of_room(cls, power_levels: Event | None, create: Event) -> Self:
        """The levels that the current `m.room.power_levels` event, if the room has one, and the create event give."""
        creators = room_creators(create)
        if power_levels is not None:
            return cls.from_content(power_levels.content, create.room_version, creators)
        # "If the room contains no `m.room.power_levels` event, the room's creator has a power level of 100, and all
        # other users have a power level of 0."
        levels = cls.from_content({}, create.room_version, creators)
        return msgspec.structs.replace(
            levels, users={**dict.fromkeys(creators, _CREATOR_WITHOUT_POWER_LEVELS), **levels.users}
        )

    @classmethod
    def from_content(cls, content: Mapping[str, Json], version: RoomVersion, creators: Set[str]) -> Self:
        """The levels that the content of an `m.room.power_levels` event gives in a room with these creators."""

        def level(name: str) -> Level:
            value = content.get(name)
            return LEVEL_DEFAULTS[name] if value is None else _requirement(value, version)

        users_default, events = level("users_default"), content.get("events", {})
        return cls(
            users=_users(content.get("users"), version, creators),
            users_default=-inf if users_default == inf else users_default,
            events=_requirements(events, version),
            # If no level of an event type can be read, none of them is met.
            events_default=level("events_default") if isinstance(events, dict) else inf,
            state_default=level("state_default") if isinstance(events, dict) else inf,
            ban=level("ban"),
            kick=level("kick"),
            redact=level("redact"),
            invite=level("invite"),
            notifications=_requirements(content.get("notifications"), version),
        )

    def of(self, user: str) -> Level:
        """The power level of a user; infinite for the creators of a room whose version says so."""
        return self.users.get(user, self.users_default)

    def needed_to_send(self, event_type: str, *, is_state: bool) -> Level:
        """The "required power level" of an event type."""
        default = self.state_default if is_state else self.events_default
        return self.events.get(event_type, default)

    def notification(self, name: str) -> Level:
        """The level needed to trigger the notifications of that name (`room`, for `@room`)."""
        return self.notifications.get(name, _NOTIFICATION_DEFAULT)

    def may_send(self, user: str, event_type: str, *, is_state: bool) -> bool:
        """Whether the power of a user is enough for events of a type. Membership events have rules of their own."""
        return self.of(user) >= self.needed_to_send(event_type, is_state=is_state)

    def may_invite(self, user: str) -> bool:
        return self.of(user) >= self.invite

    def may_kick(self, user: str, target: str) -> bool:
        """Whether they have the kick level, and more power than the target. An unban needs more: `may_unban`."""
        power = self.of(user)
        return power >= self.kick and self.of(target) < power

    def may_ban(self, user: str, target: str) -> bool:
        """Whether they have the ban level, and more power than the target."""
        power = self.of(user)
        return power >= self.ban and self.of(target) < power

    def may_unban(self, user: str, target: str) -> bool:
        """Whether they may lift a ban: "To unban somebody, you must have power level greater than or equal to both the
        kick *and* ban levels, *and* greater than the target user's power level."
        """
        return self.may_kick(user, target) and self.may_ban(user, target)

    def may_redact(self, user: str) -> bool:
        """Whether a user may redact the events of others."""
        return self.of(user) >= self.redact

    def may_notify(self, user: str, name: str) -> bool:
        return self.of(user) >= self.notification(name)


def room_creators(create: Event) -> frozenset[UserId]:
    """The creators of a room: who `content` says; since version 11 the sender; since 12 `additional_creators` as well.

    "Room creators include: the user ID denoted by the `sender` of the `m.room.create` event in the room; any user IDs
    contained in the `additional_creators` array in `content` of the `m.room.create` event in the room."
    """
    version = create.room_version
    if not version.creator_is_sender:
        creator = create.content.get("creator")
        return frozenset({UserId(creator)} if isinstance(creator, str) else ())
    if not version.creators_have_infinite_power:
        return frozenset({create.sender})
    additional = create.content.get("additional_creators")
    names = additional if isinstance(additional, list) else []
    return frozenset({create.sender, *(UserId(name) for name in names if isinstance(name, str))})


def parse_level(value: Json, version: RoomVersion) -> int | None:
    """The integer that a value in a power levels event stands for in a room version; `None` if it stands for none."""
    if type(value) is int:
        return value
    if version.integer_power_levels:
        return None
    if isinstance(value, str):
        return _parse_string(value)
    if isinstance(value, float) and not version.strict_canonical_json and isfinite(value):
        # "First, exponential notation is applied. [...] Second, the value is truncated at the decimal point."
        return int(value)
    return None


def _parse_string(value: str) -> int | None:
    """The integer that a string spells: "a single base 10 integer, [...] optionally with any number of leading zeroes;
    optionally prefixed with a single `-` or `+` character before the integer; optionally with any number of leading or
    trailing whitespace characters."

    `int` by itself would also take the digits of other scripts, and underscores.
    """
    digits = value.strip()
    if not _INTEGER.fullmatch(digits):
        return None
    try:
        return int(digits)
    except ValueError:
        # More digits than Python converts.
        return None


def _users(value: Json, version: RoomVersion, creators: Set[str]) -> Mapping[str, Level]:
    users: dict[str, Level] = {}
    if isinstance(value, dict):
        for user, power in value.items():
            level = parse_level(power, version)
            users[user] = -inf if level is None else level
    if version.creators_have_infinite_power:
        users.update(dict.fromkeys(creators, inf))
    return users


def _requirements(value: Json, version: RoomVersion) -> Mapping[str, Level]:
    if not isinstance(value, dict):
        return {}
    return {name: _requirement(level, version) for name, level in value.items() if level is not None}


def _requirement(value: Json, version: RoomVersion) -> Level:
    level = parse_level(value, version)
    return inf if level is None else level
