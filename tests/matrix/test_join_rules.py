"""`m.room.join_rules`."""

from hs_core.matrix.join_rules import MAX_CONDITIONS, allowed_rooms


def test_rooms_of_membership_conditions_are_allowed() -> None:
    condition = {"type": "m.room_membership", "room_id": "!a:x"}
    assert allowed_rooms({"join_rule": "restricted", "allow": [condition]}) == ["!a:x"]


def test_conditions_that_are_not_understood_let_nobody_in() -> None:
    strange = [1, None, {}, {"type": "other", "room_id": "!a:x"}, {"type": "m.room_membership", "room_id": "a"}]
    assert allowed_rooms({"allow": strange}) == []
    assert allowed_rooms({"allow": "!a:x"}) == []
    assert allowed_rooms({}) == []
    assert allowed_rooms(None) == []


def test_only_so_many_conditions_are_looked_at() -> None:
    conditions = [{"type": "m.room_membership", "room_id": f"!{n}:x"} for n in range(MAX_CONDITIONS + 1)]
    assert len(allowed_rooms({"allow": conditions})) == MAX_CONDITIONS
