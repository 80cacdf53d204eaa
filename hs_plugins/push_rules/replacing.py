"""What a user's rules say of one room, said of the room that replaces it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from hs_core.matrix.identifiers import RoomId
from hs_core.matrix.push_rules import Kind, Rule, Ruleset

KINDS: Final = (Kind.ROOM, Kind.OVERRIDE, Kind.UNDERRIDE)
"""Rules of the first are for the room that is their ID; clients name others after the room that they match."""


def with_room(rules: Ruleset, old: RoomId, new: RoomId) -> Ruleset:
    """The rules that have the old room's ID once more, with that of the new one; what is there already stays."""
    for kind in KINDS:
        own = {rule.rule_id: rule for rule in rules.own(kind)}
        if old in own and new not in own:
            copied = _renamed(own[old], old, new)
            rules = rules.put(kind, copied, after=old)
    return rules


def _renamed(rule: Rule, old: RoomId, new: RoomId) -> Rule:
    conditions = tuple(_of_room(condition, old, new) for condition in rule.conditions)
    return msgspec.structs.replace(rule, rule_id=new, conditions=conditions)


def _of_room(condition: Mapping[str, Any], old: RoomId, new: RoomId) -> Mapping[str, Any]:
    matches = condition.get("kind") == "event_match" and condition.get("key") == "room_id"
    return {**condition, "pattern": new} if matches and condition.get("pattern") == old else condition
