from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hs_core.matrix.event import Event
from hs_core.matrix.power_levels import PowerLevels
from hs_core.matrix.push_rules import (
    NO_ACTIONS,
    Actions,
    EventView,
    Kind,
    Recipient,
    RoomView,
    Rule,
    Ruleset,
    compile_ruleset,
)
from hs_core.matrix.room_version import V11, V12
from tests.matrix.examples import ALICE, BOB, example_event, room_id_in


def power_levels(alice: int = 0, **content: Any) -> PowerLevels:
    return PowerLevels.from_content({"users": {ALICE: alice}, **content}, V11, frozenset())


ROOM = RoomView(member_count=10, power_levels=power_levels())
PAIR = ROOM._replace(member_count=2)
NOTIFY: dict[str, Any] = {"notify": True, "tweaks": {}}
SOUND: dict[str, Any] = {"notify": True, "tweaks": {"sound": "default"}}
HIGHLIGHT: dict[str, Any] = {"notify": True, "tweaks": {"highlight": True}}
NOTHING: dict[str, Any] = {"notify": False, "tweaks": {}}


def message(body: str = "Hello", content: dict[str, Any] | None = None, /, **more: Any) -> Event:
    return example_event(V12, content={"msgtype": "m.text", "body": body, **(content or {}), **more})


def evaluate(
    event: Event, ruleset: Ruleset | None = None, *, room: RoomView = ROOM, display_name: str | None = None
) -> dict[str, Any]:
    compiled = compile_ruleset(ruleset or Ruleset())
    actions = compiled.evaluate(EventView(event), room, Recipient(BOB, display_name))
    return {"notify": actions.notify, "tweaks": dict(actions.tweaks)}


def override(*conditions: dict[str, Any], actions: tuple[Any, ...] = ("notify",)) -> Ruleset:
    return Ruleset(override=(Rule(rule_id="mine", conditions=conditions, actions=actions),))


def holds(event: Event, condition: dict[str, Any], **context: Any) -> bool:
    """Whether a rule of that one condition decides."""
    tweak = {"set_tweak": "held", "value": 1}
    return "held" in evaluate(event, override(condition, actions=(tweak,)), **context)["tweaks"]


@pytest.mark.parametrize(
    ("event_type", "content", "state_key", "room", "expected"),
    [
        ("m.room.message", {"body": "hi"}, None, ROOM, NOTIFY),
        ("m.room.message", {"body": "hi"}, None, PAIR, SOUND),
        ("m.room.encrypted", {}, None, ROOM, NOTIFY),
        ("m.room.encrypted", {}, None, PAIR, SOUND),
        ("m.room.message", {"msgtype": "m.notice", "body": "hi"}, None, PAIR, NOTHING),
        ("m.room.member", {"membership": "invite"}, BOB, ROOM, SOUND),
        ("m.room.member", {"membership": "invite"}, "@carol:example.org", ROOM, NOTHING),
        ("m.room.member", {"membership": "join"}, ALICE, PAIR, NOTHING),
        ("m.room.tombstone", {}, "", ROOM, HIGHLIGHT),
        ("m.room.tombstone", {}, None, ROOM, NOTHING),
        ("m.reaction", {"m.mentions": {}}, None, ROOM, NOTHING),
        ("m.room.server_acl", {}, "", ROOM, NOTHING),
        ("m.room.message", {"body": "* hi", "m.relates_to": {"rel_type": "m.replace"}}, None, PAIR, NOTHING),
        ("m.call.invite", {}, None, ROOM, {"notify": True, "tweaks": {"sound": "ring"}}),
        ("m.room.topic", {"topic": "Cake"}, "", PAIR, NOTHING),
    ],
)
def test_without_rules_of_ones_own_an_event_is_treated_by_the_defaults(
    event_type: str, content: dict[str, Any], state_key: str | None, room: RoomView, expected: dict[str, Any]
) -> None:
    assert evaluate(example_event(V12, event_type, content, state_key=state_key), room=room) == expected


def test_being_mentioned_is_highlighted_even_in_a_reaction_or_an_edit() -> None:
    mention: dict[str, Any] = {"m.mentions": {"user_ids": ["@x:y", BOB]}}
    expected = {"notify": True, "tweaks": {"sound": "default", "highlight": True}}

    assert evaluate(message("Hi", mention)) == expected
    assert evaluate(message("Hi", mention | {"m.relates_to": {"rel_type": "m.replace"}})) == expected
    assert evaluate(message("Hi", {"m.mentions": {"user_ids": BOB}})) == NOTIFY


def test_a_name_in_the_text_alone_is_no_mention() -> None:
    assert evaluate(message(f"Hello Bob, {BOB}, @room"), display_name="Bob") == NOTIFY


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        (power_levels(50), HIGHLIGHT),
        (power_levels(49), NOTIFY),
        (power_levels(49, notifications={"room": 20}), HIGHLIGHT),
        (power_levels(99, notifications={"room": 100}), NOTIFY),
        (PowerLevels.from_content({"notifications": {"room": 2**53 - 1}}, V12, frozenset({ALICE})), HIGHLIGHT),
    ],
)
def test_the_room_is_mentioned_by_those_with_the_power(levels: PowerLevels, expected: dict[str, Any]) -> None:
    event = message("Hi", {"m.mentions": {"room": True}})

    assert evaluate(event, room=RoomView(10, levels)) == expected


def test_only_true_mentions_the_room() -> None:
    for value in (1, "true", None, [True]):
        assert evaluate(message("Hi", {"m.mentions": {"room": value}}), room=RoomView(10, power_levels(100))) == NOTIFY


def test_nobody_is_told_of_their_own_events() -> None:
    actions = compile_ruleset(Ruleset()).evaluate(EventView(message()), PAIR, Recipient(ALICE, None))

    assert actions == NO_ACTIONS


def test_the_kinds_are_tried_in_order() -> None:
    def tweak(name: str) -> tuple[Any, ...]:
        return ("notify", {"set_tweak": "by", "value": name})

    rules = Ruleset(
        override=(
            Rule(rule_id="o", actions=tweak("override"), conditions=({"kind": "room_member_count", "is": "2"},)),
        ),
        content=(Rule(rule_id="c", actions=tweak("content"), pattern="cake"),),
        room=(Rule(rule_id=room_id_in(V12), actions=tweak("room")),),
        sender=(Rule(rule_id=ALICE, actions=tweak("sender")),),
        underride=(Rule(rule_id="u", actions=tweak("underride")),),
    )

    def decided_by(event: Event, rules: Ruleset, room: RoomView = ROOM) -> object:
        return evaluate(event, rules, room=room)["tweaks"].get("by")

    assert decided_by(message("cake"), rules, PAIR) == "override"
    assert decided_by(message("cake"), rules) == "content"
    assert decided_by(message("pie"), rules) == "room"
    without_room = rules.set_enabled(Kind.ROOM, room_id_in(V12), False)
    assert decided_by(message("pie"), without_room) == "sender"
    assert decided_by(message("pie"), without_room.delete(Kind.SENDER, ALICE)) == "underride"


def test_the_master_rule_beats_the_users_own() -> None:
    rules = override().set_enabled(Kind.OVERRIDE, ".m.rule.master", True)

    assert evaluate(message(), rules) == NOTHING


def test_a_users_own_rule_beats_the_other_defaults() -> None:
    assert evaluate(message(msgtype="m.notice"), override()) == NOTIFY


def test_the_actions_of_a_default_can_be_changed() -> None:
    rules = Ruleset().set_actions(Kind.UNDERRIDE, ".m.rule.message", ())

    assert evaluate(message(), rules) == NOTHING


def test_a_disabled_default_leaves_the_decision_to_the_next() -> None:
    rules = Ruleset().set_enabled(Kind.OVERRIDE, ".m.rule.suppress_notices", False)

    assert evaluate(message(msgtype="m.notice"), rules) == NOTIFY


def test_tweaks_without_a_value_and_historical_actions() -> None:
    assert Actions.of(("dont_notify", "coalesce", {"set_tweak": "highlight"})).highlight
    assert not Actions.of(("notify", {"set_tweak": "highlight", "value": False})).highlight
    assert not Actions.of(("dont_notify",)).notify


@pytest.mark.parametrize(
    ("key", "pattern", "matches"),
    [
        ("content.topic", "LUNC?*", True),
        ("content.topic", "plans", False),
        ("content.absent", "*", False),
        ("content.number", "*", False),
        ("content.body", "hungry", True),
        ("content.body", "hungr", False),
        (r"content.a\.b", "dotted", True),
        ("content.a.b", "nested", True),
        ("content.a", "*", False),
        ("state_key", "*", False),
        ("sender", "@ALICE:*", True),
        ("room_id", "!*", True),
        ("event_id", "$*", True),
    ],
)
def test_event_match_looks_at_a_whole_property_or_at_words_of_the_body(key: str, pattern: str, matches: bool) -> None:
    event = message("Hungry?", topic="Lunch plans", number=3, a={"b": "nested"}, **{"a.b": "dotted"})

    assert holds(event, {"kind": "event_match", "key": key, "pattern": pattern}) is matches


SIMPLE: list[Any] = ["x", "1", "", 1, 0, True, False, None]


@pytest.mark.parametrize("value", SIMPLE)
def test_a_property_is_compared_with_its_type(value: object) -> None:
    is_value = {"kind": "event_property_is", "key": "content.p", "value": value}

    matching = [other for other in [*SIMPLE, [], {}] if holds(message(p=other), is_value)]
    assert [repr(other) for other in matching] == [repr(value)]
    assert not holds(message(), is_value)


@pytest.mark.parametrize("value", SIMPLE)
def test_a_list_is_searched_for_exactly_that_value(value: object) -> None:
    contains = {"kind": "event_property_contains", "key": "content.p", "value": value}

    matching = [other for other in [*SIMPLE, [], {}] if holds(message(p=[{}, other]), contains)]
    assert [repr(other) for other in matching] == [repr(value)]
    assert not holds(message(p=value), contains)
    assert not holds(message(), contains)


@pytest.mark.parametrize(
    ("display_name", "body", "matches"),
    [
        ("Bob", "hi BOB!", True),
        ("Bob", "hi Bobby", False),
        ("B*b", "hi Bxb", False),
        ("B*b", "hi b*b", True),
        (None, "None", False),
        ("", "hi", False),
    ],
)
def test_a_display_name_is_no_pattern(display_name: str | None, body: str, matches: bool) -> None:
    assert holds(message(body), {"kind": "contains_display_name"}, display_name=display_name) is matches


@pytest.mark.parametrize(
    ("wanted", "counts"),
    [("2", [2]), ("==2", [2]), ("<2", [1]), (">2", [3]), ("<=2", [1, 2]), (">=2", [2, 3]), ("two", []), ("=2", [])],
)
def test_the_number_of_members_is_compared(wanted: str, counts: list[int]) -> None:
    condition = {"kind": "room_member_count", "is": wanted}

    assert [n for n in (1, 2, 3) if holds(message(), condition, room=ROOM._replace(member_count=n))] == counts


def test_a_rule_with_an_unknown_condition_never_matches() -> None:
    assert not holds(message(), {"kind": "org.example.moon_phase"})
    assert not holds(message(), {"key": "content.body"})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text("a.*?\\", max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
CONDITIONS = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["event_match", "event_property_is", "event_property_contains", "room_member_count"])
        | JSON
    },
    optional={"key": st.sampled_from(["content.body", "content.a", "type"]) | JSON, "pattern": JSON, "value": JSON},
)


@given(st.lists(CONDITIONS, max_size=3), st.dictionaries(st.sampled_from(["body", "a", "m.mentions"]), JSON))
@settings(max_examples=60, deadline=None)
def test_whatever_is_stored_or_sent_gets_an_answer(conditions: list[dict[str, Any]], content: dict[str, Any]) -> None:
    assert evaluate(example_event(V12, content=content), override(*conditions))["notify"] in (True, False)
