"""The push rules of one user and how they are changed (client-server API, "Push Rules: API")."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.identifiers import UserId
from hs_core.matrix.push_rules.defaults import DEFAULT_RULES, MASTER, for_user
from hs_core.matrix.push_rules.rules import Kind, Rule

MAX_RULES: Final[Mapping[Kind, int]] = {
    Kind.OVERRIDE: 256,
    Kind.CONTENT: 256,
    Kind.ROOM: 4096,
    Kind.SENDER: 4096,
    Kind.UNDERRIDE: 256,
}
"""How many rules of their own a user may have. Those for rooms and senders are looked up, the others tried in turn."""


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a user has changed about a default rule."""

    enabled: bool | None = None
    actions: tuple[Any, ...] | None = None

    def applied_to(self, rule: Rule) -> Rule:
        return msgspec.structs.replace(
            rule,
            enabled=rule.enabled if self.enabled is None else self.enabled,
            actions=rule.actions if self.actions is None else self.actions,
        )


_Rules: TypeAlias = tuple[Rule, ...]


class Ruleset(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The `global` ruleset of one user, as what it has beyond the defaults. Changing it makes a new one.

    As a plain struct it can be stored as JSON; default rules that are no more are then simply not shown again.
    """

    override: _Rules = ()
    content: _Rules = ()
    room: _Rules = ()
    sender: _Rules = ()
    underride: _Rules = ()
    changes: dict[str, Change] = {}
    """By the ID of the default rule."""

    def own(self, kind: Kind) -> _Rules:
        """The user's own rules, most important first."""
        rules: _Rules = getattr(self, kind.value)
        return rules

    def rules(self, kind: Kind) -> Iterator[Rule]:
        """All rules of a kind, most important first; see `defaults.for_user` for those of the server.

        Default rules "operate at a lower priority than "user-defined rules", except for the `.m.rule.master` rule which
        has always a higher priority than any other rule".
        """
        defaults = [self._changed(rule) for rule in DEFAULT_RULES[kind]]
        yield from (rule for rule in defaults if rule.rule_id == MASTER)
        yield from self.own(kind)
        yield from (rule for rule in defaults if rule.rule_id != MASTER)

    def rule(self, kind: Kind, rule_id: str) -> Rule:
        """One rule; `M_NOT_FOUND` if there is none."""
        for rule in self.rules(kind):
            if rule.rule_id == rule_id:
                return rule
        raise ProtocolError("there is no such push rule", "M_NOT_FOUND")

    def put(self, kind: Kind, rule: Rule, *, before: str | None = None, after: str | None = None) -> "Ruleset":
        """Add one of the user's own rules, or change the one of that ID.

        A new rule is the most important of its kind unless placed; a changed one stays where it is, enabled or not.

        Raises:
            ProtocolError: `M_UNKNOWN` if `before` or `after` is none of the user's own rules of that kind ("it is not
                possible to add a rule relative to a predefined server rule"); `M_LIMIT_EXCEEDED` if there are too many.
        """
        rules = list(self.own(kind))
        old = _index(rules, rule.rule_id)
        if old is not None:
            rule = msgspec.structs.replace(rule, enabled=rules[old].enabled)
        elif len(rules) >= MAX_RULES[kind]:
            raise ProtocolError(f"nobody may have more than {MAX_RULES[kind]} such push rules", "M_LIMIT_EXCEEDED")
        if before is None and after is None:
            if old is None:
                rules.insert(0, rule)
            else:
                rules[old] = rule
            return self._with(kind, rules)
        if rule.rule_id in (before, after):
            raise ProtocolError("a push rule has no place relative to itself", "M_UNKNOWN")
        rules = [other for other in rules if other.rule_id != rule.rule_id]
        rules.insert(_place(rules, before, after), rule)
        return self._with(kind, rules)

    def delete(self, kind: Kind, rule_id: str) -> "Ruleset":
        """Remove one of the user's own rules; `M_NOT_FOUND` if there is none, as is true of the default rules."""
        rules = [rule for rule in self.own(kind) if rule.rule_id != rule_id]
        if len(rules) == len(self.own(kind)):
            raise ProtocolError("there is no such push rule", "M_NOT_FOUND")
        return self._with(kind, rules)

    def set_enabled(self, kind: Kind, rule_id: str, enabled: bool) -> "Ruleset":
        """Switch a rule, default or not, on or off; `M_NOT_FOUND` if there is none."""
        return self._change(kind, rule_id, Change(enabled=enabled))

    def set_actions(self, kind: Kind, rule_id: str, actions: tuple[Any, ...]) -> "Ruleset":
        """Change what a rule, default or not, does; `M_NOT_FOUND` if there is none."""
        return self._change(kind, rule_id, Change(actions=actions))

    def to_json(self, user: UserId) -> dict[str, Any]:
        """`PushRuleset`, as `user` is shown it: what is under `global`, and the content of `m.push_rules` with it."""
        return {kind.value: [shown(rule, kind, user) for rule in self.rules(kind)] for kind in Kind}

    def _changed(self, rule: Rule) -> Rule:
        change = self.changes.get(rule.rule_id)
        return rule if change is None else change.applied_to(rule)

    def _change(self, kind: Kind, rule_id: str, change: Change) -> "Ruleset":
        rule = self.rule(kind, rule_id)
        if not rule.is_default:
            changed = change.applied_to(rule)
            return self._with(kind, [changed if other is rule else other for other in self.own(kind)])
        known = self.changes.get(rule_id, Change())
        merged = Change(
            enabled=known.enabled if change.enabled is None else change.enabled,
            actions=known.actions if change.actions is None else change.actions,
        )
        return msgspec.structs.replace(self, changes={**self.changes, rule_id: merged})

    def _with(self, kind: Kind, rules: list[Rule]) -> "Ruleset":
        return msgspec.structs.replace(self, **{kind.value: tuple(rules)})


def shown(rule: Rule, kind: Kind, user: UserId) -> dict[str, Any]:
    """`PushRule`, as `user` is shown it."""
    return (for_user(rule, user) if rule.is_default else rule).to_json(kind)


def _index(rules: list[Rule], rule_id: str) -> int | None:
    return next((i for i, rule in enumerate(rules) if rule.rule_id == rule_id), None)


def _place(rules: list[Rule], before: str | None, after: str | None) -> int:
    """Where a rule goes: "If both `after` and `before` are provided, the new or updated rule must be the next most
    important rule with respect to the rule identified by `before`."
    """
    for neighbour in (before, after):
        if neighbour is not None and _index(rules, neighbour) is None:
            raise ProtocolError(f"before/after rule not found: {neighbour}", "M_UNKNOWN")
    if before is not None:
        return _index(rules, before) or 0
    return (_index(rules, after or "") or 0) + 1
