import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.push_rules import Kind, Rule, compile_ruleset, parse_actions, parse_kind, rule_from_request
from hs_core.matrix.push_rules.ruleset import Ruleset
from hs_core.matrix.push_rules.validation import MAX_PATTERN


def test_a_content_rule_is_read() -> None:
    body = {"pattern": "cake*lie", "actions": ["notify", {"set_tweak": "sound", "value": "cakealarm.wav"}]}

    assert rule_from_request(Kind.CONTENT, "SSByZWFsbHkgbGlrZSBjYWtl", body) == Rule(
        rule_id="SSByZWFsbHkgbGlrZSBjYWtl", pattern="cake*lie", actions=tuple(body["actions"])
    )


def test_an_override_rule_may_have_conditions_that_we_do_not_know() -> None:
    conditions = [{"kind": "room_member_count", "is": "<=10"}, {"kind": "org.example.moon_phase", "phase": 3}]

    rule = rule_from_request(Kind.OVERRIDE, "x", {"conditions": conditions, "actions": ["dont_notify", "coalesce"]})
    assert rule.conditions == tuple(conditions)
    assert rule.actions == ()
    assert rule_from_request(Kind.OVERRIDE, "x", {"actions": []}).conditions == ()


@pytest.mark.parametrize("rule_id", [".m.rule.mine", "a/b", "a\\b", "", "x" * 256, "\0", None, 3])
def test_some_ids_are_reserved(rule_id: object) -> None:
    with pytest.raises(ProtocolError) as refusal:
        rule_from_request(Kind.SENDER, rule_id, {"actions": []})
    assert refusal.value.errcode == "M_INVALID_PARAM"


@pytest.mark.parametrize(
    ("kind", "body", "errcode"),
    [
        (Kind.ROOM, {}, "M_MISSING_PARAM"),
        (Kind.ROOM, [], "M_BAD_JSON"),
        (Kind.ROOM, {"actions": "notify"}, "M_BAD_JSON"),
        (Kind.ROOM, {"actions": ["explode"]}, "M_INVALID_PARAM"),
        (Kind.ROOM, {"actions": [{"value": 1}]}, "M_INVALID_PARAM"),
        (Kind.ROOM, {"actions": [["notify"]]}, "M_INVALID_PARAM"),
        (Kind.ROOM, {"actions": [{"set_tweak": "x", "value": "y" * 20_000}]}, "M_TOO_LARGE"),
        (Kind.CONTENT, {"actions": []}, "M_MISSING_PARAM"),
        (Kind.CONTENT, {"actions": [], "pattern": 3}, "M_INVALID_PARAM"),
        (Kind.CONTENT, {"actions": [], "pattern": "x" * (MAX_PATTERN + 1)}, "M_INVALID_PARAM"),
        (Kind.OVERRIDE, {"actions": [], "conditions": {}}, "M_BAD_JSON"),
        (Kind.OVERRIDE, {"actions": [], "conditions": ["x"]}, "M_BAD_JSON"),
        (Kind.OVERRIDE, {"actions": [], "conditions": [{}]}, "M_MISSING_PARAM"),
        (Kind.OVERRIDE, {"actions": [], "conditions": [{"kind": "x"}] * 33}, "M_TOO_LARGE"),
        (Kind.OVERRIDE, {"actions": [], "conditions": [{"kind": "event_match", "key": "type"}]}, "M_INVALID_PARAM"),
        (Kind.OVERRIDE, {"actions": [], "conditions": [{"kind": "room_member_count", "is": 2}]}, "M_INVALID_PARAM"),
        (
            Kind.UNDERRIDE,
            {"actions": [], "conditions": [{"kind": "event_property_is", "key": "type", "value": [1]}]},
            "M_INVALID_PARAM",
        ),
        (
            Kind.UNDERRIDE,
            {"actions": [], "conditions": [{"kind": "event_property_is", "key": "type", "value": 2**53}]},
            "M_INVALID_PARAM",
        ),
    ],
)
def test_a_malformed_rule_is_refused(kind: Kind, body: Any, errcode: str) -> None:
    with pytest.raises(ProtocolError) as refusal:
        rule_from_request(kind, "x", body)
    assert refusal.value.errcode == errcode


def test_kinds_are_those_of_the_specification() -> None:
    assert parse_kind("underride") is Kind.UNDERRIDE
    values: list[object] = ["device", None, [], {}]
    for value in values:
        with pytest.raises(ProtocolError):
            parse_kind(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["actions", "conditions", "pattern", "kind", "key", "value", "is", "set_tweak"])
BODIES = JSON | st.dictionaries(NAMES, st.lists(st.dictionaries(NAMES, JSON, max_size=4), max_size=3) | JSON)


@given(st.sampled_from(Kind), st.just("id") | JSON, BODIES)
@settings(max_examples=100, deadline=None)
def test_every_body_is_a_rule_or_refused(kind: Kind, rule_id: object, body: object) -> None:
    try:
        rule = rule_from_request(kind, rule_id, body)
    except ProtocolError:
        return
    compile_ruleset(Ruleset().put(kind, rule))


@given(BODIES)
@settings(max_examples=60, deadline=None)
def test_every_list_of_actions_is_read_or_refused(body: object) -> None:
    with contextlib.suppress(ProtocolError):
        assert isinstance(parse_actions(body), tuple)
