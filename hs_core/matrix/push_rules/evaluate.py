"""Which of a user's push rules decides about an event (client-server API, "Push Rules")."""

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.matrix.power_levels import PowerLevels
from hs_core.matrix.push_rules.conditions import (
    Condition,
    EventView,
    Recipient,
    RoomView,
    compile_condition,
    compile_pattern,
)
from hs_core.matrix.push_rules.defaults import DEFAULT_RULES
from hs_core.matrix.push_rules.rules import NO_ACTIONS, Actions, Kind, Rule
from hs_core.matrix.push_rules.ruleset import Ruleset
from hs_core.matrix.room_version import DEFAULT_ROOM_VERSION


class _CompiledRule(msgspec.Struct, frozen=True):
    conditions: tuple[Condition, ...]
    actions: Actions


class CompiledRuleset(msgspec.Struct, frozen=True):
    """The enabled rules of one user, ready to be asked. Keep it as long as the `Ruleset` does not change."""

    first: tuple[_CompiledRule, ...]
    """Override, then content rules."""
    rooms: dict[str, Actions]
    senders: dict[str, Actions]
    last: tuple[_CompiledRule, ...]
    """Underride rules."""

    @property
    def is_silent(self) -> bool:
        """Whether the first rule decides about every event, and it is not to notify: `.m.rule.master` is enabled."""
        return bool(self.first) and not self.first[0].conditions and not self.first[0].actions.notify

    def evaluate(self, event: EventView, room: RoomView, recipient: Recipient) -> Actions:
        """What to do about `event` for `recipient`, whose rules these are: the actions of the first rule that matches.

        Nothing if none does, nor for events "that the user has sent themselves".
        """
        if event.sender == recipient.user_id:
            return NO_ACTIONS
        actions = _first_match(self.first, event, room, recipient)
        if actions is None:
            actions = self.rooms.get(event.room_id)
        if actions is None:
            actions = self.senders.get(event.sender)
        if actions is None:
            actions = _first_match(self.last, event, room, recipient)
        return NO_ACTIONS if actions is None else actions


def compile_ruleset(ruleset: Ruleset) -> CompiledRuleset:
    """Prepare a user's rules. All who never changed theirs share one."""
    return UNCHANGED_RULES if ruleset == _NOTHING_CHANGED else _compile(ruleset)


class _NoUserId(str):
    """Equals nothing that an event can say."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return False

    def __ne__(self, other: object) -> bool:
        return True


def is_unremarkable(content: Mapping[str, Any]) -> bool:
    """Whether the unchanged rules look at nothing but type and `msgtype` in a message with this content."""
    return "m.mentions" not in content and "m.relates_to" not in content


@lru_cache(maxsize=1000)
def unchanged_rules_for(event_type: str, msgtype: str | None, two_members: bool) -> Actions:
    """What the unchanged rules come to for an unremarkable message, for everybody but its sender."""
    content = {} if msgtype is None else {"msgtype": msgtype}
    event = {"type": event_type, "sender": "", "content": content, "event_id": "", "origin_server_ts": 0}
    room = RoomView(2 if two_members else 3, _NO_POWER)
    return UNCHANGED_RULES.evaluate(EventView.of_client_event(event, RoomId("")), room, SOMEBODY)


def singled_out(event: EventView) -> Collection[str]:
    """The users for whom the unchanged rules may come to something else than for anybody else who is not the sender.

    Nothing in them looks at a display name; they look at user IDs in the state key and among the mentions.
    """
    mentioned = event.value(_MENTIONED)
    named = {user for user in mentioned if isinstance(user, str)} if isinstance(mentioned, list | tuple) else set()
    state_key = event.value(_STATE_KEY)
    return named | {state_key} if isinstance(state_key, str) else named


def _compile(ruleset: Ruleset) -> CompiledRuleset:
    return CompiledRuleset(
        first=(*_compile_all(ruleset, Kind.OVERRIDE), *_compile_all(ruleset, Kind.CONTENT)),
        rooms=_by_id(ruleset.rules(Kind.ROOM)),
        senders=_by_id(ruleset.rules(Kind.SENDER)),
        last=_compile_all(ruleset, Kind.UNDERRIDE),
    )


def _compile_all(ruleset: Ruleset, kind: Kind) -> tuple[_CompiledRule, ...]:
    compiled = ((rule, _conditions_of(rule)) for rule in ruleset.rules(kind) if rule.enabled)
    return tuple(_CompiledRule(found, Actions.of(rule.actions)) for rule, found in compiled if found is not None)


def _by_id(rules: Iterable[Rule]) -> dict[str, Actions]:
    """Room and sender rules, whose ID is the ID of the room or user that they are about."""
    return {rule.rule_id: Actions.of(rule.actions) for rule in rules if rule.enabled}


def _conditions_of(rule: Rule) -> tuple[Condition, ...] | None:
    """`None` if one of them never holds."""
    if rule.is_default:
        return _DEFAULT_CONDITIONS.get(rule.rule_id)
    if rule.pattern is not None:
        return (compile_pattern(("content", "body"), rule.pattern),)
    return _compile_conditions(rule)


def _compile_conditions(rule: Rule) -> tuple[Condition, ...] | None:
    conditions = [compile_condition(condition) for condition in rule.conditions]
    found = tuple(condition for condition in conditions if condition is not None)
    return found if len(found) == len(conditions) else None


def _first_match(
    rules: tuple[_CompiledRule, ...], event: EventView, room: RoomView, recipient: Recipient
) -> Actions | None:
    for rule in rules:
        for condition in rule.conditions:
            if not condition(event, room, recipient):
                break
        else:
            return rule.actions
    return None


_DEFAULT_CONDITIONS: Final = {rule.rule_id: _compile_conditions(rule) for rule in sum(DEFAULT_RULES.values(), ())}
_NO_POWER: Final = PowerLevels.from_content({}, DEFAULT_ROOM_VERSION, frozenset())
_MENTIONED: Final = ("content", "m.mentions", "user_ids")
_STATE_KEY: Final = ("state_key",)
_NOTHING_CHANGED: Final = Ruleset()
UNCHANGED_RULES: Final = _compile(_NOTHING_CHANGED)
"""The rules of everybody who has not changed theirs."""

SOMEBODY: Final = Recipient(UserId(_NoUserId()), None)
"""Anybody whom nothing in the event singles out."""
