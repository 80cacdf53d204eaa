"""The server-default push rules (client-server API, "Predefined Rules").

These are the rules of the current specification. The legacy ones that looked for names in the text of a message
(`.m.rule.contains_display_name`, `.m.rule.contains_user_name`, `.m.rule.roomnotif`) "were removed"; so there is nothing
left that `m.mentions` would have to switch off.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from hs_core.matrix.identifiers import UserId
from hs_core.matrix.push_rules.conditions import OWN_USER_ID
from hs_core.matrix.push_rules.rules import Kind, Rule

MASTER: Final = ".m.rule.master"
"""The one default rule that is more important than the user's own."""


def _match(key: str, pattern: object) -> Mapping[str, Any]:
    return {"kind": "event_match", "key": key, "pattern": pattern}


def _is(key: str, value: object) -> Mapping[str, Any]:
    return {"kind": "event_property_is", "key": key, "value": value}


_DEFAULT_SOUND: Final = {"set_tweak": "sound", "value": "default"}
_RING: Final = {"set_tweak": "sound", "value": "ring"}
_HIGHLIGHT: Final = {"set_tweak": "highlight"}
_TWO_MEMBERS: Final = {"kind": "room_member_count", "is": "2"}
_MENTIONS_ME: Final = {
    "kind": "event_property_contains",
    "key": r"content.m\.mentions.user_ids",
    "value": OWN_USER_ID,
}
_MAY_NOTIFY_ROOM: Final = {"kind": "sender_notification_permission", "key": "room"}


def _rule(name: str, conditions: list[Mapping[str, Any]], actions: list[Any], *, enabled: bool = True) -> Rule:
    return Rule(rule_id=name, conditions=tuple(conditions), actions=tuple(actions), enabled=enabled)


_OVERRIDE: Final = (
    _rule(MASTER, [], [], enabled=False),
    _rule(".m.rule.suppress_notices", [_match("content.msgtype", "m.notice")], []),
    _rule(
        ".m.rule.invite_for_me",
        [_match("type", "m.room.member"), _match("content.membership", "invite"), _match("state_key", OWN_USER_ID)],
        ["notify", _DEFAULT_SOUND],
    ),
    _rule(".m.rule.member_event", [_match("type", "m.room.member")], []),
    _rule(".m.rule.is_user_mention", [_MENTIONS_ME], ["notify", _DEFAULT_SOUND, _HIGHLIGHT]),
    _rule(
        ".m.rule.is_room_mention", [_is(r"content.m\.mentions.room", True), _MAY_NOTIFY_ROOM], ["notify", _HIGHLIGHT]
    ),
    _rule(".m.rule.tombstone", [_match("type", "m.room.tombstone"), _match("state_key", "")], ["notify", _HIGHLIGHT]),
    _rule(".m.rule.reaction", [_match("type", "m.reaction")], []),
    _rule(".m.rule.room.server_acl", [_match("type", "m.room.server_acl"), _match("state_key", "")], []),
    _rule(".m.rule.suppress_edits", [_is(r"content.m\.relates_to.rel_type", "m.replace")], []),
)

_UNDERRIDE: Final = (
    _rule(".m.rule.call", [_match("type", "m.call.invite")], ["notify", _RING]),
    _rule(
        ".m.rule.encrypted_room_one_to_one",
        [_TWO_MEMBERS, _match("type", "m.room.encrypted")],
        ["notify", _DEFAULT_SOUND],
    ),
    _rule(".m.rule.room_one_to_one", [_TWO_MEMBERS, _match("type", "m.room.message")], ["notify", _DEFAULT_SOUND]),
    _rule(".m.rule.message", [_match("type", "m.room.message")], ["notify"]),
    _rule(".m.rule.encrypted", [_match("type", "m.room.encrypted")], ["notify"]),
)

DEFAULT_RULES: Final[Mapping[Kind, tuple[Rule, ...]]] = {
    Kind.OVERRIDE: _OVERRIDE,
    Kind.CONTENT: (),
    Kind.ROOM: (),
    Kind.SENDER: (),
    Kind.UNDERRIDE: _UNDERRIDE,
}
"""The default rules of everybody, most important first; `OWN_USER_ID` is still to be filled in."""


_PERSONAL: Final = frozenset(
    rule.rule_id
    for rules in DEFAULT_RULES.values()
    for rule in rules
    if any(OWN_USER_ID in condition.values() for condition in rule.conditions)
)
"""Those rules in which there is something to fill in."""


def for_user(rule: Rule, user: UserId) -> Rule:
    """A default rule as `user` is shown it."""
    if rule.rule_id not in _PERSONAL:
        return rule
    conditions = tuple(
        {key: user if value is OWN_USER_ID else value for key, value in condition.items()}
        for condition in rule.conditions
    )
    return msgspec.structs.replace(rule, conditions=conditions)
