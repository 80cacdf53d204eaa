"""Push rules as values (client-server API, "Push Rules" and "Actions")."""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, Final

import msgspec


class Kind(Enum):
    """The kinds of rule, "in the order that they are checked"."""

    OVERRIDE = "override"
    CONTENT = "content"
    ROOM = "room"
    SENDER = "sender"
    UNDERRIDE = "underride"

    @property
    def has_conditions(self) -> bool:
        return self in (Kind.OVERRIDE, Kind.UNDERRIDE)


class Rule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One rule. Built from a client's words only by `validation.rule_from_request`."""

    rule_id: str
    """Unique within a kind of one user's rules."""
    actions: tuple[Any, ...]
    """As in JSON, without the historical ones."""
    enabled: bool = True
    conditions: tuple[Mapping[str, Any], ...] = ()
    """Of override and underride rules, as in JSON."""
    pattern: str | None = None
    """Of content rules."""

    @property
    def is_default(self) -> bool:
        """ "The `rule_id` for all server-default rules MUST start with a dot"."""
        return self.rule_id.startswith(".")

    def to_json(self, kind: Kind) -> dict[str, Any]:
        """`PushRule`."""
        shown: dict[str, Any] = {
            "rule_id": self.rule_id,
            "default": self.is_default,
            "enabled": self.enabled,
            "actions": list(self.actions),
        }
        if kind.has_conditions:
            shown["conditions"] = list(self.conditions)
        if self.pattern is not None:
            shown["pattern"] = self.pattern
        return shown


class Actions(msgspec.Struct, frozen=True):
    """What the actions of a rule come to."""

    notify: bool
    tweaks: Mapping[str, Any]
    """The value of each tweak that is set, for the push gateway."""

    @property
    def highlight(self) -> bool:
        return self.tweaks.get("highlight") is True

    def to_json(self) -> list[Any]:
        """The list of actions that says this."""
        tweaks = [{"set_tweak": name, "value": value} for name, value in self.tweaks.items()]
        return ["notify", *tweaks] if self.notify else tweaks

    @classmethod
    def of(cls, actions: tuple[Any, ...]) -> "Actions":
        """Read a list of actions, leaving out what is not understood and what is historical."""
        tweaks: dict[str, Any] = {}
        for action in actions:
            if isinstance(action, Mapping) and isinstance(action.get("set_tweak"), str):
                # "If a `highlight` tweak is given with no value, its value is defined to be `true`."
                default = True if action["set_tweak"] == "highlight" else None
                tweaks[action["set_tweak"]] = action.get("value", default)
        return cls("notify" in actions, MappingProxyType(tweaks))


NO_ACTIONS: Final = Actions(False, MappingProxyType({}))
"""For an event that no rule matches."""
