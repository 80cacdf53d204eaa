"""The persistent map behind room states, against a dictionary."""

from hypothesis import given, settings
from hypothesis import strategies as st

from hs_core.matrix.event import StateKey
from hs_core.matrix.identifiers import EventId
from hs_plugins.rooms import state_map
from hs_plugins.rooms.state_map import EMPTY, NewNodes, NodeHash

keys = st.tuples(st.sampled_from(["m.room.member", "m.room.topic", ""]), st.integers(0, 60).map(str))
states = st.dictionaries(keys, st.integers(0, 5).map(lambda n: EventId(f"${n}")), max_size=60)


def build(state: dict[StateKey, EventId]) -> tuple[NewNodes, NodeHash]:
    root, nodes = state_map.change({}, EMPTY, dict(state))
    return nodes, root


@given(states)
def test_a_state_holds_what_was_put_into_it(state: dict[StateKey, EventId]) -> None:
    nodes, root = build(state)

    assert dict(state_map.items(nodes, root)) == state
    assert all(state_map.get(nodes, root, key) == event_id for key, event_id in state.items())
    assert state_map.get(nodes, root, ("m.room.name", "")) is None


@given(states, states)
@settings(max_examples=200)
def test_equal_states_have_equal_roots_whatever_their_history(
    first: dict[StateKey, EventId], last: dict[StateKey, EventId]
) -> None:
    nodes, root = build(first)
    changes: dict[StateKey, EventId | None] = dict.fromkeys(first)
    changes.update(last)
    changed, made = state_map.change(nodes, root, changes)

    straight_nodes, straight = build(last)

    assert changed == straight
    assert dict(state_map.items(nodes | made, changed)) == dict(state_map.items(straight_nodes, straight)) == last


@given(states, states)
def test_the_difference_of_two_states_makes_one_of_the_other(
    old: dict[StateKey, EventId], new: dict[StateKey, EventId]
) -> None:
    old_nodes, old_root = build(old)
    new_nodes, new_root = build(new)

    difference = state_map.difference(old_nodes | new_nodes, old_root, new_root)

    assert all(old.get(key) != event_id for key, event_id in difference.items())
    assert state_map.change(old_nodes, old_root, difference)[0] == new_root


def test_one_change_in_a_large_state_makes_few_nodes_and_shares_the_rest() -> None:
    members = {("m.room.member", f"@user{n}:example.org"): EventId(f"${n}") for n in range(10_000)}
    nodes, root = build(members)

    changed, made = state_map.change(nodes, root, {("m.room.topic", ""): EventId("$topic")})

    assert len(made) <= 5
    assert state_map.difference(nodes | made, root, changed) == {("m.room.topic", ""): "$topic"}


def test_missing_nodes_are_asked_for_a_level_at_a_time() -> None:
    members = {("m.room.member", f"@user{n}:example.org"): EventId(f"${n}") for n in range(10_000)}
    stored, root = build(members)
    known: NewNodes = {}
    rounds = 0
    while True:
        try:
            entries = dict(state_map.items(known, root))
            break
        except state_map.MissingNodes as missing:
            rounds += 1
            known.update({node_hash: stored[node_hash] for node_hash in missing.hashes})

    assert entries == members
    assert rounds <= 6


@given(states)
def test_nodes_survive_being_stored(state: dict[StateKey, EventId]) -> None:
    nodes, root = build(state)
    stored = {node_hash: state_map.encode_node(node) for node_hash, node in nodes.items()}

    read_back = {node_hash: state_map.decode_node(data) for node_hash, data in stored.items()}

    assert dict(state_map.items(read_back, root)) == state
