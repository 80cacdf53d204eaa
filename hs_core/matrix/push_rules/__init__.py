"""Push rules: what a user wants to be told about (client-server API, "Push Notifications", "Push Rules").

`Ruleset` is one user's rules and how they change; `rule_from_request` and `parse_actions` read what clients send.
`compile_ruleset` prepares the rules of a user once; its `evaluate` answers for each event, seen through an `EventView`
that all users of the room share.
"""

from hs_core.matrix.push_rules.conditions import EventView, Recipient, RoomView
from hs_core.matrix.push_rules.evaluate import (
    SOMEBODY,
    UNCHANGED_RULES,
    CompiledRuleset,
    compile_ruleset,
    is_unremarkable,
    singled_out,
    unchanged_rules_for,
)
from hs_core.matrix.push_rules.rules import NO_ACTIONS, Actions, Kind, Rule
from hs_core.matrix.push_rules.ruleset import Ruleset, shown
from hs_core.matrix.push_rules.validation import parse_actions, parse_kind, rule_from_request

__all__ = [
    "NO_ACTIONS",
    "SOMEBODY",
    "UNCHANGED_RULES",
    "Actions",
    "CompiledRuleset",
    "EventView",
    "Kind",
    "Recipient",
    "RoomView",
    "Rule",
    "Ruleset",
    "compile_ruleset",
    "is_unremarkable",
    "parse_actions",
    "parse_kind",
    "rule_from_request",
    "shown",
    "singled_out",
    "unchanged_rules_for",
]
