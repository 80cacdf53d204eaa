"""The rules for `m.room.power_levels`: nobody may raise, lower or hand out more than they have."""

from collections.abc import Iterator, Mapping
from math import inf, isfinite
from typing import Any, Final, TypeAlias

from hs_core.matrix.auth.state import POWER_LEVELS, AuthState
from hs_core.matrix.errors import ProtocolError, Rejected
from hs_core.matrix.event import Event, Json
from hs_core.matrix.identifiers import parse_user_id
from hs_core.matrix.power_levels import LEVEL_DEFAULTS, Level, parse_level
from hs_core.matrix.room_version import RoomVersion

_MAPS: Final = ("users", "events", "notifications")

Alteration: TypeAlias = tuple[str, Level | None, Level | None]
"""The name of a level, what it was (`None`: it is added) and what it becomes (`None`: it is removed)."""


def check_power_levels(event: Event, state: AuthState) -> None:
    """The rules "If type is `m.room.power_levels`"."""
    version, new = event.room_version, event.content
    if version.integer_power_levels:
        _check_types(new)
    else:
        _check_floats(new)
    _check_users(new.get("users", {}), version)
    if version.creators_have_infinite_power:
        _check_no_creators(new.get("users", {}), state)
    # "If there is no previous `m.room.power_levels` event in the room, allow." There is one `m.room.power_levels` for a
    # room, the one whose state key is empty: an event with another state key is compared with that one too.
    current = state.get(*POWER_LEVELS)
    if current is None:
        return
    power = state.power_levels.of(event.sender)
    old = current.content
    _check_alterations("", _alterations(_single_levels(old), _single_levels(new), version), power)
    for name in ("events", "notifications") if version.limits_notification_power_levels else ("events",):
        altered = _alterations(_map_of_levels(old, name), _map_of_levels(new, name), version)
        _check_alterations(f"{name}: ", altered, power)
    altered_users = _alterations(_map_of_levels(old, "users"), _map_of_levels(new, "users"), version)
    _check_altered_users(event.sender, list(altered_users), power)


def _check_types(content: Mapping[str, Json]) -> None:
    for name in LEVEL_DEFAULTS:
        if name in content and type(content[name]) is not int:
            raise Rejected(
                "m.room.power_levels: if any of the properties `users_default`, `events_default`, `state_default`,"
                f" `ban`, `redact`, `kick`, or `invite` in `content` are present and not an integer ({name}), reject"
            )
    for name in ("events", "notifications"):
        levels = content.get(name, {})
        if not isinstance(levels, dict) or not all(type(level) is int for level in levels.values()):
            raise Rejected(
                "m.room.power_levels: if either of the properties `events` or `notifications` in `content` are present"
                f" and not an object with values that are integers ({name}), reject"
            )


def _check_floats(content: Mapping[str, Json]) -> None:
    """The rule "Values outside the range represented by IEEE754 binary64 (a "double") cause the powerlevel event to be
    rejected, as do `Infinity`, `-Infinity` and `NaN`", which holds whatever the level is for.
    """
    levels = [content.get(name) for name in LEVEL_DEFAULTS]
    for name in _MAPS:
        entries = content.get(name)
        levels += entries.values() if isinstance(entries, dict) else ()
    if any(isinstance(level, float) and not isfinite(level) for level in levels):
        raise Rejected("m.room.power_levels: values outside the range of a double cause the event to be rejected")


def _check_users(users: Json, version: RoomVersion) -> None:
    """An absent `users` is an empty one, as every implementation has it."""
    rule = (
        "m.room.power_levels: if the `users` property in `content` is not an object with keys that are valid user IDs"
        " with values that are integers, reject"
    )
    if not isinstance(users, dict):
        raise Rejected(rule)
    for user, level in users.items():
        try:
            parse_user_id(user)
        except ProtocolError as error:
            raise Rejected(f"{rule} ({error})") from None
        if parse_level(level, version) is None:
            raise Rejected(f"{rule} ({user})")


def _check_no_creators(users: Mapping[str, Json], state: AuthState) -> None:
    if not state.creation.creators.isdisjoint(users):
        raise Rejected(
            "m.room.power_levels: if the `users` property in `content` contains the `sender` of the `m.room.create`"
            " event or any of the `additional_creators` array, reject"
        )


def _single_levels(content: Mapping[str, Json]) -> dict[str, Json]:
    return {name: content[name] for name in LEVEL_DEFAULTS if name in content}


def _map_of_levels(content: Mapping[str, Json], name: str) -> dict[str, Json]:
    levels = content.get(name, {})
    if not isinstance(levels, dict):
        raise Rejected(f"m.room.power_levels: `{name}` is not an object, so nobody can tell what changes in it")
    return levels


def _alterations(old: dict[str, Any], new: dict[str, Any], version: RoomVersion) -> Iterator[Alteration]:
    """The entries that are added, changed or removed. "Changed" is what stands for another integer.

    What stands for none (possible before version 10) is above everybody's power.
    """
    for name in old.keys() | new.keys():
        before = _level(old[name], version) if name in old else None
        after = _level(new[name], version) if name in new else None
        if before != after or after == inf:
            yield name, before, after


def _level(value: Json, version: RoomVersion) -> Level:
    level = parse_level(value, version)
    return inf if level is None else level


def _check_alterations(prefix: str, altered: Iterator[Alteration], power: Level) -> None:
    for name, before, after in altered:
        _check_current(prefix + name, before, power)
        _check_new(prefix + name, after, power)


def _check_altered_users(sender: str, altered: list[Alteration], power: Level) -> None:
    for user, before, after in altered:
        if user != sender and before is not None and before >= power:
            raise Rejected(
                "m.room.power_levels: for each entry being changed in, or removed from, the `users` property, other"
                " than the `sender`'s own entry: if the current value is greater than or equal to the `sender`'s"
                f" current power level, reject ({user})"
            )
        _check_new(f"users: {user}", after, power)


def _check_current(name: str, before: Level | None, power: Level) -> None:
    if before is not None and before > power:
        raise Rejected(
            "m.room.power_levels: if the current value is greater than the `sender`'s current power level, reject"
            f" ({name})"
        )


def _check_new(name: str, after: Level | None, power: Level) -> None:
    if after is not None and after > power:
        raise Rejected(
            f"m.room.power_levels: if the new value is greater than the `sender`'s current power level, reject ({name})"
        )
