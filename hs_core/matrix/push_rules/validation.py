"""What a client may send as a push rule (client-server API, "Push Rules: API")."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.push_rules.conditions import compile_condition, is_recognised, is_simple
from hs_core.matrix.push_rules.rules import Kind, Rule

MAX_RULE_BYTES: Final = 16 * 1024
"""How large one rule may be as JSON."""
MAX_CONDITIONS: Final = 32
MAX_PATTERN: Final = 1024
"""How many characters a pattern may have: every message of the user's rooms is searched for it."""
MAX_RULE_ID_BYTES: Final = 255

_HISTORICAL_ACTIONS: Final = ("dont_notify", "coalesce")
_GREATEST_INTEGER: Final = 2**53 - 1


def parse_kind(value: object) -> Kind:
    """The kind that a URL names; `M_INVALID_PARAM` if there is none of that name."""
    try:
        return Kind(value)
    except ValueError:
        raise ProtocolError("there is no such kind of push rule", "M_INVALID_PARAM") from None


def parse_new_rule_id(value: object) -> str:
    """The ID of a rule that a user wants to have; `M_INVALID_PARAM` if it may not be one."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise ProtocolError("not a push rule ID", "M_INVALID_PARAM")
    if len(value.encode(errors="surrogatepass")) > MAX_RULE_ID_BYTES:
        raise ProtocolError(f"a push rule ID has at most {MAX_RULE_ID_BYTES} bytes", "M_INVALID_PARAM")
    # "If the string starts with a dot ("."), the request MUST be rejected as this is reserved for server-default rules.
    # Slashes ("/") and backslashes ("\\") are also not allowed."
    if value.startswith(".") or "/" in value or "\\" in value:
        raise ProtocolError("a push rule ID does not start with a dot or contain slashes", "M_INVALID_PARAM")
    return value


def rule_from_request(kind: Kind, rule_id: object, body: object) -> Rule:
    """The rule that a client puts.

    Raises:
        ProtocolError: `M_INVALID_PARAM`, `M_MISSING_PARAM`, `M_BAD_JSON` or `M_TOO_LARGE`.
    """
    name = parse_new_rule_id(rule_id)
    if not isinstance(body, Mapping):
        raise ProtocolError("a push rule is an object")
    rule = Rule(
        rule_id=name,
        actions=parse_actions(body),
        conditions=_parse_conditions(body.get("conditions", [])) if kind.has_conditions else (),
        pattern=_parse_pattern(body) if kind is Kind.CONTENT else None,
    )
    _check_size(rule)
    return rule


def parse_actions(body: object) -> tuple[Any, ...]:
    """The `actions` of a request, without those that "homeservers MUST ignore"."""
    if not isinstance(body, Mapping):
        raise ProtocolError("actions come in an object")
    if "actions" not in body:
        raise ProtocolError("a push rule has actions", "M_MISSING_PARAM")
    actions = body["actions"]
    if not isinstance(actions, list | tuple):
        raise ProtocolError("actions are a list")
    kept = tuple(action for action in actions if action not in _HISTORICAL_ACTIONS)
    for action in kept:
        _check_action(action)
    _check_size(kept)
    return kept


def _check_action(action: object) -> None:
    if action == "notify":
        return
    if isinstance(action, str):
        raise ProtocolError(f"there is no action {action[:64]!r}", "M_INVALID_PARAM")
    if not isinstance(action, Mapping) or not isinstance(action.get("set_tweak"), str):
        raise ProtocolError("an action is a name or sets a tweak", "M_INVALID_PARAM")


def _parse_conditions(value: object) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(value, list | tuple):
        raise ProtocolError("conditions are a list")
    if len(value) > MAX_CONDITIONS:
        raise ProtocolError(f"a push rule has at most {MAX_CONDITIONS} conditions", "M_TOO_LARGE")
    for condition in value:
        _check_condition(condition)
    return tuple(value)


def _check_condition(condition: object) -> None:
    """Conditions that we do not know are kept, for clients that may, and never hold."""
    if not isinstance(condition, Mapping):
        raise ProtocolError("a condition is an object")
    kind = condition.get("kind")
    if not isinstance(kind, str):
        raise ProtocolError("a condition has a kind", "M_MISSING_PARAM")
    if not is_recognised(kind):
        return
    for name, is_valid in _PARAMETERS.items():
        if name in condition and not is_valid(condition[name]):
            raise ProtocolError(f"{name} of the condition {kind} is not valid", "M_INVALID_PARAM")
    if compile_condition(condition) is None:
        raise ProtocolError(f"the condition {kind} lacks a parameter or has a wrong one", "M_INVALID_PARAM")


def _parse_pattern(body: Mapping[str, Any]) -> str:
    if "pattern" not in body:
        raise ProtocolError("a content rule has a pattern", "M_MISSING_PARAM")
    pattern = body["pattern"]
    if not _is_pattern(pattern):
        raise ProtocolError(f"a pattern is text of at most {MAX_PATTERN} characters", "M_INVALID_PARAM")
    return str(pattern)


def _is_pattern(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MAX_PATTERN


def _is_value(value: object) -> bool:
    return is_simple(value) and not (isinstance(value, int) and abs(value) > _GREATEST_INTEGER)


_PARAMETERS: Final[dict[str, Callable[[object], bool]]] = {
    "key": _is_pattern,
    "pattern": _is_pattern,
    "value": _is_value,
}


def _check_size(value: object) -> None:
    try:
        size = len(msgspec.json.encode(value))
    except (UnicodeEncodeError, RecursionError, OverflowError, TypeError):
        raise ProtocolError("a push rule is JSON") from None
    if size > MAX_RULE_BYTES:
        raise ProtocolError(f"a push rule has at most {MAX_RULE_BYTES} bytes", "M_TOO_LARGE")
