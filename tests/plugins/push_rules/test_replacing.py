"""What rules say of a room, said of the one that replaces it."""

from hs_core.matrix.identifiers import RoomId
from hs_core.matrix.push_rules import Kind, Rule, Ruleset
from hs_plugins.push_rules.replacing import with_room

OLD, NEW = RoomId("!old:hs.test"), RoomId("!new:hs.test")


def rule(rule_id: str, *actions: str) -> Rule:
    return Rule(rule_id=rule_id, actions=actions)


def test_the_copy_comes_right_after_the_rule_and_does_the_same() -> None:
    rules = Ruleset(room=(rule("!first:x"), rule(OLD, "notify"), rule("!last:x")))
    assert with_room(rules, OLD, NEW).own(Kind.ROOM) == (
        rule("!first:x"),
        rule(OLD, "notify"),
        rule(NEW, "notify"),
        rule("!last:x"),
    )


def test_what_is_said_of_the_new_room_already_stays() -> None:
    rules = Ruleset(room=(rule(NEW), rule(OLD, "notify")))
    assert with_room(rules, OLD, NEW) == rules


def test_whoever_has_no_rules_for_the_room_gets_none() -> None:
    rules = Ruleset(room=(rule("!other:x"),), sender=(rule(OLD),), content=(rule(OLD),))
    assert with_room(rules, OLD, NEW) == rules
