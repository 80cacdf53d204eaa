from typing import Any

import msgspec
import pytest

from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.push_rules import Kind, Rule, Ruleset
from hs_core.matrix.push_rules.ruleset import MAX_RULES
from tests.matrix.examples import BOB


def rule(name: str, **fields: Any) -> Rule:
    return Rule(rule_id=name, actions=("notify",), **fields)


def with_rules(*names: str) -> Ruleset:
    return Ruleset(content=tuple(rule(name, pattern=name) for name in names))


def names(ruleset: Ruleset, kind: Kind = Kind.CONTENT) -> list[str]:
    return [rule.rule_id for rule in ruleset.own(kind)]


def test_the_defaults_come_in_the_order_of_the_specification() -> None:
    shown = Ruleset().to_json(BOB)

    assert [rule["rule_id"] for rule in shown["override"]] == [
        ".m.rule.master",
        ".m.rule.suppress_notices",
        ".m.rule.invite_for_me",
        ".m.rule.member_event",
        ".m.rule.is_user_mention",
        ".m.rule.is_room_mention",
        ".m.rule.tombstone",
        ".m.rule.reaction",
        ".m.rule.room.server_acl",
        ".m.rule.suppress_edits",
    ]
    assert [rule["rule_id"] for rule in shown["underride"]] == [
        ".m.rule.call",
        ".m.rule.encrypted_room_one_to_one",
        ".m.rule.room_one_to_one",
        ".m.rule.message",
        ".m.rule.encrypted",
    ]
    assert shown["content"] == shown["room"] == shown["sender"] == []


def test_only_the_master_rule_is_off_and_every_user_sees_their_own_name() -> None:
    shown = Ruleset().to_json(BOB)
    rules = {rule["rule_id"]: rule for rule in shown["override"] + shown["underride"]}

    assert [name for name, rule in rules.items() if not rule["enabled"]] == [".m.rule.master"]
    assert rules[".m.rule.invite_for_me"]["conditions"][2]["pattern"] == BOB
    assert rules[".m.rule.is_user_mention"] == {
        "rule_id": ".m.rule.is_user_mention",
        "default": True,
        "enabled": True,
        "conditions": [
            {"kind": "event_property_contains", "key": "content.m\\.mentions.user_ids", "value": BOB},
        ],
        "actions": ["notify", {"set_tweak": "sound", "value": "default"}, {"set_tweak": "highlight"}],
    }


def test_ones_own_rules_are_shown_between_the_master_rule_and_the_other_defaults() -> None:
    shown = Ruleset().put(Kind.OVERRIDE, rule("mine")).to_json(BOB)["override"]

    assert [rule["rule_id"] for rule in shown[:3]] == [".m.rule.master", "mine", ".m.rule.suppress_notices"]
    assert shown[1] == {"rule_id": "mine", "default": False, "enabled": True, "actions": ["notify"], "conditions": []}


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ({}, ["new", "a", "b", "c"]),
        ({"before": "b"}, ["a", "new", "b", "c"]),
        ({"after": "b"}, ["a", "b", "new", "c"]),
        ({"before": "c", "after": "a"}, ["a", "b", "new", "c"]),
    ],
)
def test_a_new_rule_goes_where_it_is_asked_to(place: dict[str, str], expected: list[str]) -> None:
    assert names(with_rules("a", "b", "c").put(Kind.CONTENT, rule("new", pattern="x"), **place)) == expected


def test_a_rule_that_is_put_again_keeps_its_place_and_stays_off() -> None:
    rules = with_rules("a", "b").set_enabled(Kind.CONTENT, "b", False).put(Kind.CONTENT, rule("b", pattern="new"))

    assert names(rules) == ["a", "b"]
    assert rules.rule(Kind.CONTENT, "b") == rule("b", pattern="new", enabled=False)
    assert names(rules.put(Kind.CONTENT, rule("b", pattern="new"), before="a")) == ["b", "a"]


@pytest.mark.parametrize("place", [{"before": "x"}, {"after": "x"}, {"before": ".m.rule.master"}, {"after": "a"}])
def test_there_is_no_place_beside_a_rule_that_is_not_ones_own(place: dict[str, str]) -> None:
    with pytest.raises(ProtocolError) as refusal:
        with_rules("a").put(Kind.CONTENT, rule("a", pattern="x"), **place)
    assert refusal.value.errcode == "M_UNKNOWN"


def test_default_rules_can_be_changed_but_not_deleted() -> None:
    rules = Ruleset().set_enabled(Kind.UNDERRIDE, ".m.rule.call", False)
    rules = rules.set_actions(Kind.UNDERRIDE, ".m.rule.call", ("notify",))

    call = rules.rule(Kind.UNDERRIDE, ".m.rule.call")
    assert (call.enabled, call.actions) == (False, ("notify",))
    with pytest.raises(ProtocolError) as refusal:
        rules.delete(Kind.UNDERRIDE, ".m.rule.call")
    assert refusal.value.errcode == "M_NOT_FOUND"


def test_a_rule_is_sought_among_its_kind() -> None:
    for change in (
        lambda: Ruleset().rule(Kind.OVERRIDE, ".m.rule.call"),
        lambda: Ruleset().set_enabled(Kind.OVERRIDE, ".m.rule.call", True),
        lambda: Ruleset().set_actions(Kind.ROOM, "none", ()),
        lambda: with_rules("a").delete(Kind.SENDER, "a"),
    ):
        with pytest.raises(ProtocolError) as refusal:
            change()
        assert refusal.value.errcode == "M_NOT_FOUND"


def test_rules_are_not_without_number() -> None:
    full = with_rules(*(f"r{n}" for n in range(MAX_RULES[Kind.CONTENT])))

    with pytest.raises(ProtocolError) as refusal:
        full.put(Kind.CONTENT, rule("one more", pattern="x"))
    assert refusal.value.errcode == "M_LIMIT_EXCEEDED"
    assert full.put(Kind.CONTENT, rule("r7", pattern="x")).rule(Kind.CONTENT, "r7").pattern == "x"


def test_a_ruleset_can_be_stored() -> None:
    rules = with_rules("a", "b").put(Kind.OVERRIDE, rule("o", conditions=({"kind": "contains_display_name"},)))
    rules = rules.set_actions(Kind.UNDERRIDE, ".m.rule.call", ())

    assert msgspec.json.decode(msgspec.json.encode(rules), type=Ruleset) == rules
    assert msgspec.json.encode(Ruleset()) == b"{}"
